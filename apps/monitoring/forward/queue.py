"""The rows that wait for one destination: bounded, and the oldest go first when it is full."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from apps.monitoring.store.rows import Batch

ROWS: Final = 50_000
BYTES: Final = 64 << 20
# What one round of sending takes; rows that come within the wait travel together.
_TAKEN_ROWS: Final = 5_000
_GATHER_S: Final = 1.0
_BYTES_A_ROW: Final = 512


class Queue:
    """Thread-safe. `on_drop` is told how many rows had no room."""

    def __init__(
        self, on_drop: Callable[[int], None], *, rows: int = ROWS, size_bytes: int = BYTES
    ) -> None:
        self._on_drop = on_drop
        self._most_rows, self._most_bytes = rows, size_bytes
        self._waiting: deque[tuple[Batch, int, int]] = deque()
        self._rows = self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    def put(self, batch: Batch, rows: int) -> None:
        """Add a batch of which `rows` rows are wanted; never blocks."""
        if not rows:
            return
        size = batch.size_bytes or rows * _BYTES_A_ROW
        lost = 0
        with self._changed:
            self._waiting.append((batch, rows, size))
            self._rows += rows
            self._bytes += size
            # One batch beyond every limit is taken alone: memory holds it already.
            while len(self._waiting) > 1 and (
                self._rows > self._most_rows or self._bytes > self._most_bytes
            ):
                lost += self._pop()[1]
            self._changed.notify()
        if lost:
            self._on_drop(lost)

    def take(self, gather_s: float = _GATHER_S) -> list[Batch]:
        """The next batches; waits for the first, and a little for more. Empty when closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            until = time.monotonic() + gather_s
            while self._rows < _TAKEN_ROWS and not self._closed:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            taken: list[Batch] = []
            rows = 0
            while self._waiting and rows < _TAKEN_ROWS:
                batch, more, _ = self._pop()
                taken.append(batch)
                rows += more
            return taken

    def close(self) -> None:
        """Wake whoever waits; what is queued may still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _pop(self) -> tuple[Batch, int, int]:
        entry = self._waiting.popleft()
        self._rows -= entry[1]
        self._bytes -= entry[2]
        return entry
