"""Whether a kind of work has been done in this process before."""

import threading
from typing import Final

_MOST: Final = 1000
_met: set[str] = set()
_lock = threading.Lock()


def is_cold(kind: str) -> bool:
    """True for the first unit of its kind in this process, and for kinds beyond a thousand."""
    with _lock:
        if kind in _met:
            return False
        if len(_met) < _MOST:
            _met.add(kind)
        return True
