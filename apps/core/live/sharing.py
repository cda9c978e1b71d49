"""One process of all computes a topic; the others take its bytes from Redis.

Two keys a topic: a lease, held by the process that computes, and the newest message. A process asks
`turn` when it wants something new: it learns whether the lease is its own, and gets a message newer
than the one it has. A message is stored only by the holder of the lease and only over an older one;
its version is the moment its computing began, on the clock of Redis. So neither a process that was
stopped and goes on, nor a command that a frozen Redis runs late, puts old over new.

With Redis away `turn` says so at once and each process computes for itself.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.core.live import scripts
from apps.core.live.envelope import MOST_BYTES, Stored, digits, pack, unpack

logger = logging.getLogger(__name__)
_COMMAND_S: Final = 0.5
_PROBE_EVERY_S: Final = 1.0
_KEPT_LEASES: Final = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether this process is to compute, the time on the clock of Redis, and what is newer."""

    leads: bool
    now_us: int
    newest: Stored | None


class Sharing:
    """The way to the other processes of this portal. Used on one event loop.

    `space` keeps portals apart that share a Redis; `secret` signs what they write.
    """

    def __init__(self, url: str, space: str, secret: bytes) -> None:
        self._url = url
        self._space = space
        self._secret = blake2b(secret, person=b"pharos.live").digest()
        self._redis: Redis | None = None
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._probe: asyncio.Task[None] | None = None
        self._probed_at = 0.0
        # What the clock of Redis shows beyond the monotonic one; this machine's clock until asked.
        self._ahead_us = time.time_ns() // 1000 - time.monotonic_ns() // 1000
        self.away = False
        self.ignored = 0

    def now_us(self) -> int:
        """The time on the clock of Redis, as far as it is known."""
        return time.monotonic_ns() // 1000 + self._ahead_us

    async def turn(self, name: str, token: str, version: int, lease_s: float) -> Turn | None:
        """Take or keep the lease if it is free or the token's own; None when Redis is away."""
        key = self._key(name)
        told = await self._ask(
            lambda redis: redis.eval(
                scripts.TURN, 2, *_keys(key),
                token, _ms(lease_s), digits(version), MOST_BYTES,
            )
        )  # fmt: skip
        if not isinstance(told, list) or len(told) != 4:
            return None
        leads, seconds, microseconds, raw = told
        now_us = int(seconds) * 1_000_000 + int(microseconds)
        self._ahead_us = now_us - time.monotonic_ns() // 1000
        newest = None
        if raw is not None:
            newest = unpack(self._secret, key, raw)
            self.ignored += newest is None
        return Turn(bool(leads), now_us, newest)

    async def publish(self, name: str, token: str, stored: Stored, lease_s: float) -> bool | None:
        """Give a message to the others. False: another leads by now. None: it cannot be shared."""
        key = self._key(name)
        raw = pack(self._secret, key, stored)
        if raw is None:
            return None
        told = await self._ask(
            lambda redis: redis.eval(
                scripts.PUBLISH, 2, *_keys(key), token, raw, _ms(_KEPT_LEASES * lease_s)
            )
        )
        return None if told is None else bool(told)

    async def release(self, name: str, token: str) -> None:
        """Let another compute at once; nothing happens when the lease is not the token's."""
        await self._ask(
            lambda redis: redis.eval(scripts.RELEASE, 1, _keys(self._key(name))[0], token)
        )

    async def close(self) -> None:
        """Drop the connection."""
        if self._probe is not None:
            self._probe.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._disconnect()

    async def _disconnect(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.aclose()

    def _key(self, name: str) -> str:
        digest = blake2b(name.encode(), digest_size=16).hexdigest()
        # In braces: the keys of a topic belong into one slot of a cluster.
        return f"pharos:live:{{{self._space}:{digest}}}"

    async def _ask(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        if self.away:
            self._look_again()
            return None
        try:
            return await self._run(command)
        except (RedisError, OSError, TimeoutError) as error:
            if not self.away:
                self.away = True
                self._probed_at = time.monotonic()
                logger.warning("Live topics are computed by each process: Redis is away",
                               extra={"error": type(error).__name__})  # fmt: skip
            return None

    async def _run(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        # In a task of its own: a topic that ends in the middle leaves no answer half read.
        running = asyncio.get_running_loop().create_task(self._execute(command))
        self._running.add(running)
        running.add_done_callback(self._ran)
        return await asyncio.shield(running)

    async def _execute(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        async with self._one_at_a_time:
            if self._redis is None:
                self._redis = _connect(self._url)
            try:
                async with asyncio.timeout(_COMMAND_S):
                    return await command(self._redis)
            except (RedisError, OSError, TimeoutError):
                await self._disconnect()
                raise

    def _ran(self, running: "asyncio.Task[Any]") -> None:
        self._running.discard(running)
        if not running.cancelled():
            # Read, in case nobody waits for it any more.
            running.exception()

    def _look_again(self) -> None:
        # Beside the topics, so that no viewer waits for a Redis that does not answer.
        idle = self._probe is None or self._probe.done()
        if idle and time.monotonic() - self._probed_at >= _PROBE_EVERY_S:
            self._probed_at = time.monotonic()
            self._probe = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            # By writing: a Redis that is full or read-only is of no use here.
            await self._run(lambda redis: redis.set(f"pharos:live:{{{self._space}}}", 1, px=1000))
        except (RedisError, OSError, TimeoutError):
            return
        self.away = False
        logger.info("Live topics are shared again: Redis is back")


def _connect(url: str) -> Redis:
    # One connection; a timeout of its own for each command, since redis-py would wait 5 s and
    # then try again. `turn` is short polling: nothing here ever blocks on Redis.
    return Redis.from_url(
        url, max_connections=1, single_connection_client=False, decode_responses=False,
        socket_timeout=_COMMAND_S, socket_connect_timeout=_COMMAND_S,
        retry=Retry(NoBackoff(), 0), health_check_interval=0,
    )  # fmt: skip


def _keys(key: str) -> tuple[str, str]:
    return f"{key}:lease", f"{key}:newest"


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
