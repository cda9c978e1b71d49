"""Which senders this process has. The committer offers every committed group; nothing is awaited.

Rows are offered after COMMIT, from memory, so forwarding reads nothing back from the store and
can lose at most what waits in the bounded queue of a process that dies. A thread looks every few
seconds which destinations there are, and writes down how their senders fare.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from apps.core import vault
from apps.monitoring import recorder
from apps.monitoring.forward import elastic as _elastic  # noqa: F401 (registers its kind)
from apps.monitoring.forward import otlp as _otlp  # noqa: F401 (registers its kinds)
from apps.monitoring.forward.base import METRICS, PURPOSE, SIGNALS, Kind
from apps.monitoring.forward.sender import Sender, Setup
from apps.monitoring.store import connect
from apps.monitoring.store.rows import Batch

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 10.0
_MOST: Final = 20
_AT_EXIT_S: Final = 1.0
_READ: Final = (
    "SELECT id, name, kind, endpoint, credentials, traces, logs, metrics"
    " FROM monitoring_destination WHERE enabled ORDER BY id LIMIT %s"
)
_TELL: Final = (
    "UPDATE monitoring_destination SET last_ok_at = greatest(last_ok_at, %s),"
    " last_error_at = coalesce(%s, last_error_at), last_error = %s WHERE id = %s"
)


class Switchboard:
    """The senders of one process."""

    def __init__(self) -> None:
        self._senders: tuple[Sender, ...] = ()
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        # Setups that make no sender, and why: told once, and not again every few seconds.
        self._unusable: dict[Setup, str] = {}

    def offer(self, batches: Sequence[Batch]) -> None:
        """Hand committed batches to every sender. Never blocks, never raises."""
        if self._thread is None:
            self._begin()
        if self._senders:
            own = [_copied(batch) for batch in batches if not batch.forwarded]
            for sender in self._senders:
                sender.offer(own)

    def look(self) -> None:
        """Read the destinations, start and stop senders, write down how they fare."""
        rows = connect.ask(_READ, [_MOST])
        if self._senders:
            with connect.open_connection("pharos-forward", 5, autocommit=True) as connection:
                self._tell(connection)
        setups = {setup for setup in map(_setup, rows) if setup.signals}
        kept = [sender for sender in self._senders if sender.setup in setups]
        known = {sender.setup for sender in kept}
        gone = [sender for sender in self._senders if sender.setup not in setups]
        made = [self._make(setup) for setup in setups - known - self._unusable.keys()]
        fresh = [sender for sender in made if sender is not None]
        for sender in fresh:
            sender.start()
        self._senders = (*kept, *fresh)
        for sender in gone:
            sender.stop()
        for sender in self._senders:
            attrs = {"destination": sender.setup.name}
            recorder.gauge("pharos.forward.queue.rows", sender.queue.rows, "{row}", attrs)

    def wait_looked(self, timeout_s: float) -> bool:
        """Whether the first look is over within `timeout_s`."""
        return self._looked.wait(timeout_s)

    def close(self, timeout_s: float = _AT_EXIT_S) -> None:
        """Send what waits for at most `timeout_s` all together, and end."""
        self._stopping.set()
        until = time.monotonic() + timeout_s
        for sender in self._senders:
            sender.queue.close()
        for sender in self._senders:
            sender.stop(max(0.0, until - time.monotonic()))
        with suppress(psycopg.Error):
            if self._senders:
                with connect.open_connection("pharos-forward", 2, autocommit=True) as connection:
                    self._tell(connection)
        self._senders = ()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="pharos-forward", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        with recorder.suppressed():
            while True:
                try:
                    self.look()
                except psycopg.Error:
                    # The senders go on as they are; the store's own trouble is told elsewhere.
                    logger.debug("destinations_unread", exc_info=True)
                except Exception:
                    logger.exception("destinations_unread")
                self._looked.set()
                if self._stopping.wait(LOOK_EVERY_S):
                    return

    def _make(self, setup: Setup) -> Sender | None:
        try:
            sealed = setup.sealed
            credentials = vault.open_sealed(sealed, purpose=PURPOSE) if sealed else ""
            return Sender(setup, credentials)
        except Exception as error:  # noqa: BLE001 (one that cannot be used must not stop the others)
            logger.warning("destination_unusable", extra={"destination": setup.name})
            self._unusable[setup] = str(error)
            with connect.open_connection("pharos-forward", 5, autocommit=True) as connection:
                connection.execute(_TELL, [None, datetime.now(UTC), str(error)[:300], setup.pk])
            return None

    def _tell(self, connection: "psycopg.Connection[Any]") -> None:
        for sender in self._senders:
            ok_at, error_at, error = sender.state.take()
            if ok_at or error_at:
                connection.execute(_TELL, [ok_at, error_at, error[:300], sender.setup.pk])


def _copied(batch: Batch) -> Batch:
    """The same rows in lists of our own: the intake empties its own when it is done with them."""
    return Batch(
        [*batch.spans], [*batch.logs], [*batch.samples], [*batch.histograms],
        size_bytes=batch.size_bytes,
    )  # fmt: skip


def _setup(row: tuple[Any, ...]) -> Setup:
    pk, name, kind, endpoint, sealed, *flags = row
    of = Kind.registry[kind]
    signals = [
        signal
        for signal, on in zip(SIGNALS, flags, strict=True)
        if on and signal in of.signals and not (of.minutes and signal == METRICS)
    ]
    return Setup(pk, name, kind, endpoint, sealed, tuple(signals))


_current = Switchboard()


def offer(batches: Sequence[Batch]) -> None:
    """Hand committed batches to this process's senders. Never blocks, never raises."""
    _current.offer(batches)


def switchboard() -> Switchboard:
    """This process's own."""
    return _current


def _after_fork() -> None:
    # Threads do not cross a fork, and the parent's queues are the parent's.
    global _current
    _current = Switchboard()


def close() -> None:
    """Let this process's senders finish, for a moment each."""
    _current.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close)
