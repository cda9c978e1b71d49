"""The same window in this process: what counts while Redis is gone."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from apps.core.ratelimit.verdict import Verdict

_MOST_KEYS: Final = 10_000


class MemoryWindow:
    """Exact under threads and bounded: past 10,000 callers the one longest unseen is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str, limit: int, window_s: int, cost: int = 1) -> Verdict:
        """Use `cost` of the quota if it is there; nothing is used otherwise."""
        with self._lock:
            now = self._clock()
            times = self._times.setdefault(key, deque())
            self._times.move_to_end(key)
            if len(self._times) > _MOST_KEYS:
                self._times.popitem(last=False)
            while times and times[0] <= now - window_s:
                times.popleft()
            used = len(times)
            oldest = times[0] if times else now
            if used + cost > limit:
                waits = times[used + cost - limit - 1] if cost <= limit else now
                return Verdict(
                    allowed=False, remaining=max(0, limit - used),
                    reset_s=oldest + window_s - now, retry_after_s=waits + window_s - now,
                    shared=False,
                )  # fmt: skip
            times.extend([now] * cost)
            return Verdict(
                allowed=True, remaining=limit - used - cost, reset_s=oldest + window_s - now,
                shared=False,
            )  # fmt: skip

    def give_back(self, key: str) -> None:
        """Undo the newest use, if any."""
        with self._lock:
            if times := self._times.get(key):
                times.pop()

    def forget(self) -> None:
        """Give all quotas back."""
        with self._lock:
            self._times.clear()
