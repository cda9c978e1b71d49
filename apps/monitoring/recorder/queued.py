"""A log handler that never waits: lines are formatted at once and written by a thread, bounded."""

import atexit
import logging
import os
import threading
import time
from abc import abstractmethod
from collections import deque
from typing import Final

from apps.monitoring.recorder.buffer import recorder

_MOST_LINES: Final = 10_000
_LAST_WORDS_S: Final = 2.0


class QueuedHandler(logging.Handler):
    """What has no room is counted as dropped (`<noun>_full`), and so is a failing end."""

    noun: str

    def __init__(self) -> None:
        super().__init__()
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.flush)

    def _reset(self) -> None:
        self._lines: deque[str] = deque()
        self._wake = threading.Event()
        self._empty = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Format here, where the context of the line is; write elsewhere."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 (a line that cannot be written is counted)
            recorder.drop("log_unreadable")
            return
        if len(self._lines) >= _MOST_LINES:
            recorder.drop(f"{self.noun}_full")
            return
        self._lines.append(line)
        self._empty.clear()
        if self._thread is None:
            self._start()
        self._wake.set()

    def flush(self) -> None:
        """Wait for the lines so far, but not for a reader that has gone."""
        until = time.monotonic() + _LAST_WORDS_S
        # A line leaves the queue before it is written, so an empty queue alone proves nothing.
        while self._thread is not None and (self._lines or not self._empty.is_set()):
            if time.monotonic() > until:
                return
            self._wake.set()
            self._empty.wait(0.1)
            if self._lines:
                time.sleep(0.001)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=f"pharos-{self.noun}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # The interpreter is ending: the last lines go out by hand.
                    self._write()
                    return
                self._thread = thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._write()
            self._empty.set()

    def _write(self) -> None:
        try:
            self.put(self._lines)
        except (OSError, ValueError):
            # The pipe is closed, or the disk is full.
            recorder.drop(f"{self.noun}_closed")

    @abstractmethod
    def put(self, lines: "deque[str]") -> None:
        """Write and remove lines from the left until none is left. Raises OSError, ValueError."""
