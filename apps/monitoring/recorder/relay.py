"""What a process that records nothing counts all the same: the process it works for records it.

Intake processes drop and send on like any other, but neither fold nor store figures of their own:
sums and states travel with their answers.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

_MOST: Final = 1_000
Told = Sequence[Any]


class Relay:
    """Sums and states until they are taken. Thread-safe and bounded; off until `open`."""

    def __init__(self) -> None:
        self.on = False
        self._lock = threading.Lock()
        self._sums: dict[tuple[Any, ...], float] = {}
        self._states: dict[tuple[Any, ...], float] = {}

    def open(self) -> None:
        """Keep what is told from now on."""
        self.on = True

    def count(self, name: str, value: float, unit: str, attrs: Mapping[str, Any] | None) -> None:
        """Add to a sum."""
        key = _key(name, unit, attrs)
        with self._lock:
            if key in self._sums or len(self._sums) < _MOST:
                self._sums[key] = self._sums.get(key, 0) + value

    def gauge(self, name: str, value: float, unit: str, attrs: Mapping[str, Any] | None) -> None:
        """The present value."""
        key = _key(name, unit, attrs)
        with self._lock:
            if key in self._states or len(self._states) < _MOST:
                self._states[key] = value

    def take(self) -> list[Told]:
        """[kind, name, unit, [[attribute, value], …], figure] of each since the last call."""
        with self._lock:
            sums, self._sums = self._sums, {}
            states, self._states = self._states, {}
        return [
            [kind, name, unit, attrs, value]
            for kind, found in (("count", sums), ("gauge", states))
            for (name, unit, attrs), value in found.items()
        ]


def _key(name: str, unit: str, attrs: Mapping[str, Any] | None) -> tuple[Any, ...]:
    return name, unit, tuple(sorted((attrs or {}).items()))


relay: Final = Relay()
