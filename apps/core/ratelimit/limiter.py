"""Decides on each request: by Redis, or by this process while Redis is gone."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal

from django.conf import settings
from redis.exceptions import RedisError

from apps.core.errors import UnavailableError
from apps.core.ratelimit.breaker import Breaker
from apps.core.ratelimit.memory_window import MemoryWindow
from apps.core.ratelimit.policy import Policy
from apps.core.ratelimit.redis_window import RedisWindow
from apps.core.ratelimit.verdict import Verdict

logger = logging.getLogger(__name__)
OnLoss = Literal["local", "allow", "refuse"]
Listener = Callable[[str, Policy], None]
_PAUSE_S: Final = 5.0
_TOLD_EVERY_S: Final = 60.0


class Limiter:
    """`take` decides. Listeners hear `refused` and `uncounted` (decided without Redis)."""

    def __init__(self, url: str, *, pause_s: float = _PAUSE_S) -> None:
        self._url = url
        self._shared: RedisWindow | None = None
        self._local = MemoryWindow()
        self._breaker = Breaker(pause_s)
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._told_at: float | None = None

    def listen(self, listener: Listener) -> None:
        """Hear of every refusal and of every decision made without Redis."""
        self._listeners.append(listener)

    def take(self, key: str, policy: Policy, cost: int = 1, on_loss: OnLoss = "local") -> Verdict:
        """Use `cost` of the quota of `key` if it is there.

        Raises UnavailableError where Redis is gone and `on_loss` is "refuse".
        """
        # A cost above the quota could never be paid.
        cost = min(cost, policy.quota)
        verdict = self._ask(f"{policy.name}:{key}", policy, cost)
        if verdict is None:
            self._tell("uncounted", policy)
            if on_loss == "refuse":
                raise UnavailableError("Requests of this kind cannot be counted right now.")
            if on_loss == "allow":
                return Verdict(allowed=True, remaining=policy.quota, reset_s=0, shared=False)
            verdict = self._local.take(f"{policy.name}:{key}", policy.quota, policy.window_s, cost)
        if not verdict.allowed:
            self._tell("refused", policy)
        return verdict

    def give_back(self, key: str, policy: Policy, verdict: Verdict) -> None:
        """Undo one `take` of cost 1 that gave this verdict, as if it had not been."""
        name = f"{policy.name}:{key}"
        if not verdict.shared:
            self._local.give_back(name)
        elif not self._breaker.open:
            try:
                self._window().give_back(name)
            except (RedisError, OSError) as error:
                self._breaker.failed()
                self._log(error)

    def state(self) -> dict[str, Any]:
        """For the health report: where requests are counted now."""
        return {"counted_in": "this process" if self._breaker.open else "redis"}

    def forget(self) -> None:
        """Give every caller its quota back, here and in Redis."""
        self._local.forget()
        self._breaker.worked()
        self._window().forget()

    def _ask(self, key: str, policy: Policy, cost: int) -> Verdict | None:
        if not self._breaker.may_try():
            return None
        try:
            verdict = self._window().take(key, policy.quota, policy.window_s, cost)
        except (RedisError, OSError) as error:
            self._breaker.failed()
            self._log(error)
            return None
        if self._breaker.open:
            logger.info("Requests are counted in Redis again")
            self._breaker.worked()
        return verdict

    def _window(self) -> RedisWindow:
        if self._shared is None:
            with self._lock:
                if self._shared is None:
                    self._shared = RedisWindow(self._url)
        return self._shared

    def _log(self, error: Exception) -> None:
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            logger.warning("Redis is gone: each process counts requests for itself (%s)", error)

    def _tell(self, what: str, policy: Policy) -> None:
        for listener in self._listeners:
            listener(what, policy)


limiter = Limiter(settings.PHAROS_RATE_REDIS_URL)
