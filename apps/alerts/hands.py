"""Threads of a worker for what its own rows wake: a page must not wait in the worker's queue.

A worker that judges, routes or escalates has the next step done here, at once, instead of by way of
the broker. As every wake-up it is a short cut and no more: the rows are what counts, and what these
threads do not do, beat has done.
"""

import os
import threading
from collections.abc import Callable, Hashable
from typing import Any, Final

import structlog
from django.db import close_old_connections, connections

from apps.monitoring import recorder

log = structlog.get_logger(__name__)
# Its connection is worth keeping for the next page; for much longer nobody needs it.
_LINGER_S: Final = 60.0

Work = Callable[[], Any]


class Hands:
    """A thread for each piece of work that is wanted, and none outside of a worker's pool."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As new: after a fork, locks and threads of the parent mean nothing."""
        self._changed = threading.Condition()
        self._open = False
        # For each piece of work that has a thread: whether, and for whom, it is to be done.
        self._wanted: dict[Hashable, Work | None] = {}

    def open(self) -> None:
        """From now on work is taken."""
        self._open = True

    def close(self) -> None:
        """Take no more. What is being done is finished first: the interpreter waits for it."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def take(self, key: Hashable, work: Work) -> bool:
        """Have this done; False: not here. While it is being done already, it is done once more."""
        with self._changed:
            if not self._open:
                return False
            if key not in self._wanted:
                try:
                    threading.Thread(target=self._run, args=(key,), name=f"hand-{key}").start()
                except RuntimeError:  # no thread to be had
                    return False
            self._wanted[key] = recorder.carried(work)
            self._changed.notify_all()
        return True

    def _run(self, key: Hashable) -> None:
        try:
            while (work := self._next(key)) is not None:
                _do(work)
        finally:
            connections.close_all()

    def _next(self, key: Hashable) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted[key] or not self._open, _LINGER_S)
            work = self._wanted[key]
            if work is None or not self._open:
                del self._wanted[key]
                return None
            self._wanted[key] = None
            return work


def _do(work: Work) -> None:
    close_old_connections()
    try:
        work()
    except Exception:
        # As a task that failed: beat comes by soon.
        log.exception("work_failed")
    finally:
        close_old_connections()


hands: Final = Hands()
os.register_at_fork(after_in_child=hands.forget)
