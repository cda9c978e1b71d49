"""The bounded buffer between the hot path and the thread that turns events into rows.

`add` is all a request pays: one append. A full buffer drops and counts, it never blocks.
"""

import atexit
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any, Final, Protocol

from apps.monitoring.recorder.events import MOST_CHILDREN

Event = tuple[Any, ...]
LIMIT: Final = 32_768
TICK_S: Final = 1.0
# How long the end of a process waits for its last rows to be committed.
LAST_FLUSH_S: Final = 3.0
_POLITE: Final = 32

logger = logging.getLogger(__name__)


class Flusher(Protocol):
    """Takes events off the buffer and ships rows; runs in the flusher thread only."""

    def take(self, event: Event) -> None: ...
    def ship(self, dropped: dict[str, int], *, final: bool) -> None: ...
    def settle(self, timeout_s: float) -> bool: ...


class Recorder:
    """One per process. `flusher` is made in the thread, on the first event."""

    def __init__(self, flusher: Callable[[], Flusher], limit: int = LIMIT) -> None:
        self._make_flusher = flusher
        self._limit = limit
        # A command of `manage.py` is no service, and may run before the store's tables exist: of it
        # only what is asked for by name is kept.
        self.loose = os.environ.get("PHAROS_ROLE", "cli") != "cli"
        self.reset()

    def reset(self) -> None:
        """Begin empty, without a thread; a forked child's first act."""
        self._events: deque[Event] = deque()
        self._dropped: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Held by whoever works on the flusher: its thread, or a caller of `flush`.
        self._work = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._flusher: Flusher | None = None
        self._closed = False
        self._in_trouble = False

    def add(self, event: Event) -> None:
        """Keep an event, or count it as dropped. Never blocks, never raises."""
        events = self._events
        waiting = len(events)
        if waiting * 2 >= self._limit:
            if waiting >= self._limit:
                self.drop("buffer_full")
                return
            self._wake.set()
        events.append(event)
        if self._thread is None:
            self._start()

    def add_loose(self, event: Event) -> None:
        """Keep what happened outside of any request, task or span."""
        if self.loose:
            self.add(event)

    def add_inside(self, span: Any, event: Event) -> None:
        """Keep an event as a child of the span around it, or on its own where it has no place."""
        if span is None:
            self.add_loose(event)
        elif len(span.children) < MOST_CHILDREN:
            span.children.append(event)
        else:
            span.unlisted += 1
            self.add(event)

    def rest(self) -> None:
        """Forget events from now on, until `reset`. For processes whose database comes and goes."""
        self.close()
        self._closed = True
        self._events = deque(maxlen=0)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count what is lost; published as `pharos.recorder.dropped`."""
        with self._lock:
            self._dropped[reason] += count

    def flush(self, timeout_s: float = LAST_FLUSH_S) -> bool:
        """Ship everything now; True when all of it was committed within `timeout_s`."""
        if not self._work.acquire(timeout=timeout_s):
            return False
        try:
            self._turn(final=True)
            return self._flusher is None or self._flusher.settle(timeout_s)
        finally:
            self._work.release()

    def close(self, timeout_s: float = LAST_FLUSH_S) -> None:
        """Flush and stop the thread. Events after this stay in memory."""
        if self._closed or self._thread is None:
            return
        self._closed = True
        self._wake.set()
        self.flush(timeout_s)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._closed:
                return
            thread = threading.Thread(target=self._run, name="pharos-recorder", daemon=True)
            self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is shutting down, or the machine is out of threads: try again later.
            self._thread = None

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(TICK_S)
            self._wake.clear()
            with self._work:
                if not self._closed:
                    self._turn(final=False)

    def _turn(self, *, final: bool) -> None:
        try:
            if self._flusher is None:
                self._flusher = self._make_flusher()
                # After the store's modules are loaded: exit handlers run last in, first out, and
                # the committer must outlive the last flush.
                atexit.register(self.close)
                # A multiprocessing child ends without atexit.
                Finalize(None, self.close, exitpriority=10)
            self._drain(self._flusher)
            with self._lock:
                dropped = dict(self._dropped)
                self._dropped.clear()
            self._flusher.ship(dropped, final=final)
        except Exception as trouble:  # noqa: BLE001 (nothing may end this thread; it is told and counted)
            self.drop("error")
            self._note_trouble(trouble)
        else:
            self._in_trouble = False

    def _drain(self, flusher: Flusher) -> None:
        events = self._events
        # Not `while events`: under constant load the drain would never end.
        for number in range(len(events)):
            if number % _POLITE == 0:
                # Let go of the interpreter: a request must not wait for its slice to run out.
                time.sleep(0)
            try:
                flusher.take(events.popleft())
            except Exception as trouble:  # noqa: BLE001 (one bad event must not cost the others)
                self.drop("error")
                self._note_trouble(trouble)

    def _note_trouble(self, trouble: Exception) -> None:
        # Once for each spell: this thread runs each second, and its log must not be the flood.
        if not self._in_trouble:
            self._in_trouble = True
            logger.error("the recorder could not turn events into rows", exc_info=trouble)


def _make() -> Flusher:
    from apps.monitoring.recorder.shipping import Shipper

    return Shipper(recorder)


recorder = Recorder(_make)
os.register_at_fork(after_in_child=recorder.reset)
