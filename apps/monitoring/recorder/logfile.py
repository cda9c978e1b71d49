"""Log lines to a file that is turned when it is large; several processes may share it."""

import fcntl
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from apps.monitoring.recorder.queued import QueuedHandler

_AT_ONCE: Final = 500


class FileHandler(QueuedHandler):
    """Appends whole lines to `path`; at `most_bytes` it becomes `path.1`, that one `path.2`, …

    Lines are appended by one write each round, so those of several processes never mix. Who turns
    the file holds a lock and looks again first; the others notice that it moved.
    """

    noun = "logfile"

    def __init__(self, path: str, most_bytes: int, keep: int) -> None:
        self._path = Path(path)
        self._most_bytes = most_bytes
        self._keep = keep
        self._fd: int | None = None
        super().__init__()

    def put(self, lines: "deque[str]") -> None:
        while lines:
            some = [lines.popleft() for _ in range(min(len(lines), _AT_ONCE))]
            left = "".join(f"{line}\n" for line in some).encode(errors="replace")
            fd = self._open()
            while left:
                left = left[os.write(fd, left) :]

    def _open(self) -> int:
        """The file that has the name now, with room in it."""
        if self._fd is not None and self._moved(self._fd):
            os.close(self._fd)
            self._fd = None
        if self._fd is None:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        if os.fstat(self._fd).st_size < self._most_bytes:
            return self._fd
        self._turn(self._fd)
        return self._open()

    def _moved(self, fd: int) -> bool:
        own = os.fstat(fd)
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return True
        return (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino)

    def _turn(self, fd: int) -> None:
        # The lock is on the file itself: whoever waited for it finds that it has moved.
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            if self._moved(fd):
                return
            for number in range(self._keep, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                newer = self._path.with_name(f"{self._path.name}.{number - 1}")
                with suppress(FileNotFoundError):
                    (self._path if number == 1 else newer).replace(older)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
