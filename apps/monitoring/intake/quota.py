"""What one key may send in a minute: items and bytes, over a window that slides by the second.

Counted in Redis, so that all web processes share it. While Redis is away each process counts for
itself: a sender may get up to the quota from each, and nobody is cut off for an outage of ours.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.core.ratelimit.breaker import Breaker
from apps.monitoring.intake.reply import RefusalError

logger = logging.getLogger(__name__)
WINDOW_S: Final = 60
_TIMEOUT_S: Final = 0.25
_PAUSE_S: Final = 5.0
_MOST_KEYS: Final = 10_000

# A hash of second → amount for each measure. What is spent is charged; whether more may be sent is
# what comes back: 0, or the seconds until enough of the window has passed.
_SCRIPT: Final = """
local now = tonumber(redis.call('TIME')[1])
local wait = 0
for number, name in ipairs(KEYS) do
    local limit, spent = tonumber(ARGV[2 * number - 1]), tonumber(ARGV[2 * number])
    if limit > 0 then
        if spent > 0 then
            redis.call('HINCRBY', name, now, spent)
            redis.call('EXPIRE', name, 61)
        end
        local seconds, used, amounts = {}, 0, redis.call('HGETALL', name)
        for i = 1, #amounts, 2 do
            local second = tonumber(amounts[i])
            if second <= now - 60 then
                redis.call('HDEL', name, amounts[i])
            else
                used = used + tonumber(amounts[i + 1])
                seconds[#seconds + 1] = {second, tonumber(amounts[i + 1])}
            end
        end
        table.sort(seconds, function(a, b) return a[1] < b[1] end)
        for _, entry in ipairs(seconds) do
            if used < limit then break end
            used = used - entry[2]
            wait = math.max(wait, entry[1] + 60 - now)
        end
    end
end
return wait
"""


@dataclass
class _Local:
    """(second, items, bytes) of one key in this process."""

    entries: deque[tuple[float, int, int]] = field(default_factory=deque)


class Quota:
    """Admission by what a key has sent already: one request may overshoot, the next one waits."""

    def __init__(self, items: int, size_bytes: int, redis_url: str) -> None:
        self._limits = (items, size_bytes)
        self._url = redis_url
        self._breaker = Breaker(_PAUSE_S)
        self._lock = threading.Lock()
        self._local: OrderedDict[str, _Local] = OrderedDict()
        self._script: Any = None

    @property
    def limited(self) -> bool:
        return any(self._limits)

    def admit(self, sender: str) -> None:
        """For a thread. Raises RefusalError (429) while the sender has used up its minute."""
        wait_s = self._spend(sender, 0, 0)
        if wait_s > 0:
            raise RefusalError(
                429, "The quota of this key for a minute is used up.", retry_after_s=wait_s
            )

    def charge(self, sender: str, items: int, size_bytes: int) -> None:
        """Count what was taken in; for a thread."""
        self._spend(sender, items, size_bytes)

    def _spend(self, sender: str, items: int, size_bytes: int) -> float:
        wait_s = self._shared(sender, items, size_bytes) if self._breaker.may_try() else None
        return self._alone(sender, items, size_bytes) if wait_s is None else wait_s

    def _shared(self, sender: str, items: int, size_bytes: int) -> float | None:
        try:
            if self._script is None:
                client = Redis.from_url(
                    self._url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S,
                    retry=Retry(NoBackoff(), 0),
                )  # fmt: skip
                self._script = client.register_script(_SCRIPT)
            most_items, most_bytes = self._limits
            wait = self._script(
                [f"intake:items:{sender}", f"intake:bytes:{sender}"],
                [most_items, items, most_bytes, size_bytes],
            )
        except (RedisError, OSError) as error:
            self._breaker.failed()
            logger.warning("Redis is gone: each process counts telemetry for itself (%s)", error)
            return None
        self._breaker.worked()
        return float(wait)

    def _alone(self, sender: str, items: int, size_bytes: int) -> float:
        now = time.monotonic()
        with self._lock:
            entries = self._local.setdefault(sender, _Local()).entries
            self._local.move_to_end(sender)
            if len(self._local) > _MOST_KEYS:
                self._local.popitem(last=False)
            while entries and entries[0][0] <= now - WINDOW_S:
                entries.popleft()
            if items or size_bytes:
                second = float(int(now))
                if entries and entries[-1][0] == second:
                    _, more_items, more_bytes = entries.pop()
                    items, size_bytes = items + more_items, size_bytes + more_bytes
                entries.append((second, items, size_bytes))
            waits = (self._wait(entries, place, now) for place in (1, 2))
            return max(waits)

    def _wait(self, entries: deque[tuple[float, int, int]], place: int, now: float) -> float:
        limit = self._limits[place - 1]
        used = sum(int(entry[place]) for entry in entries)
        wait_s = 0.0
        for entry in entries:
            if not limit or used < limit:
                break
            used -= int(entry[place])
            wait_s = max(1.0, entry[0] + WINDOW_S - now)
        return wait_s


@cache
def quota() -> Quota:
    """The quota of this process."""
    return Quota(
        settings.PHAROS_INTAKE_MINUTE_ITEMS,
        settings.PHAROS_INTAKE_MINUTE_BYTES,
        settings.PHAROS_RATE_REDIS_URL,
    )
