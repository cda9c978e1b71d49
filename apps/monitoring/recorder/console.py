"""Log lines to a pipe whose reader may stall."""

import sys
from collections import deque

from apps.monitoring.recorder.queued import QueuedHandler


class ConsoleHandler(QueuedHandler):
    """Standard error."""

    noun = "console"

    def __init__(self) -> None:
        super().__init__()
        self._stream = sys.stderr

    def put(self, lines: "deque[str]") -> None:
        while lines:
            self._stream.write(lines.popleft() + "\n")
        self._stream.flush()
