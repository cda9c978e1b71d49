"""Asks a part that failed only now and then, so that not every request pays for its time-outs."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Open for `pause_s` after a failure; then one caller tries while the others still wait."""

    def __init__(self, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._until: float | None = None

    @property
    def open(self) -> bool:
        """Whether the part is held to be gone."""
        return self._until is not None

    def may_try(self) -> bool:
        """Whether to ask now. While open, True for one caller in each `pause_s`."""
        if self._until is None:
            return True
        with self._lock:
            now = self._clock()
            if now < (self._until or 0.0):
                return False
            self._until = now + self._pause_s
            return True

    def failed(self) -> None:
        """The part did not answer."""
        with self._lock:
            self._until = self._clock() + self._pause_s

    def worked(self) -> None:
        """The part answered."""
        if self._until is not None:
            with self._lock:
                self._until = None
