"""One launcher per home: a file lock that the kernel drops when its holder dies."""

import fcntl
import json
import os
from typing import Any

from apps.core.embedded.home import Home


class Lock:
    """Held by `up` for its whole life; the file tells others its pid and address."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "up.lock"
        self._handle: int | None = None

    def take(self) -> bool:
        """True when it is ours now, False when another launcher holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def write(self, **facts: Any) -> None:
        """Replace the facts others may read."""
        if self._handle is not None:
            text = json.dumps(facts).encode()
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text, 0)

    def read(self) -> dict[str, Any]:
        """The last holder's facts; empty when there were none or they are half written."""
        try:
            return dict(json.loads(self._path.read_text()))
        except (OSError, ValueError):
            return {}
