"""The sliding window in Redis: one script, on the server's clock."""

from typing import Any, Final

from limits.storage import RedisStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.ratelimit.verdict import Verdict

# What a request may lose to a Redis that is frozen rather than dead.
_TIMEOUT_S: Final = 0.25
_US: Final = 1_000_000

# A list of times in microseconds, newest first, at most `limit` long. Numbers are written with
# format: Lua's own text of a number has 14 digits, these have 16.
_TAKE: Final = """
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local oldest = tonumber(redis.call('LINDEX', KEYS[1], -1) or nil)
while oldest and oldest <= now - window do
    redis.call('RPOP', KEYS[1])
    oldest = tonumber(redis.call('LINDEX', KEYS[1], -1) or nil)
end
local used = redis.call('LLEN', KEYS[1])
if used + cost > limit then
    local wait = now + window
    if cost <= limit then
        wait = tonumber(redis.call('LINDEX', KEYS[1], limit - used - cost)) + window
    end
    return {0, used, (oldest or now) + window - now, wait - now}
end
local stamp = string.format('%.0f', now)
for _ = 1, cost do redis.call('LPUSH', KEYS[1], stamp) end
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return {1, used + cost, (oldest or now) + window - now, 0}
"""


class RedisWindow(RedisStorage):
    """The Redis storage of `limits` with an exact window.

    Its sliding counter lets nearly twice the limit through across the edge of a window, and its
    moving window reads the clocks of the web servers, which differ. See decision 0010.
    """

    def __init__(self, url: str, prefix: str = "rl") -> None:
        pool: ConnectionPool = ConnectionPool.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S,
            # The library's own default tries for seconds.
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        super().__init__(url, connection_pool=pool, key_prefix=prefix)
        self._take: Any = self.storage.register_script(_TAKE)

    def take(self, key: str, limit: int, window_s: int, cost: int = 1) -> Verdict:
        """Use `cost` of the quota if it is there; nothing is used otherwise. Raises RedisError."""
        allowed, used, reset_us, wait_us = self._take(
            [self.prefixed_key(key)], [limit, window_s * _US, cost]
        )
        return Verdict(bool(allowed), max(0, limit - used), reset_us / _US, wait_us / _US)

    def give_back(self, key: str) -> None:
        """Undo the newest use, if any. Raises RedisError."""
        self.storage.lpop(self.prefixed_key(key))

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """The same for the strategies of `limits`."""
        return self.take(key, limit, expiry, amount).allowed

    def forget(self, key: str = "*") -> None:
        """Give quotas back: of one key, or of all."""
        for name in self.storage.scan_iter(self.prefixed_key(key), count=1000):
            self.storage.delete(name)
