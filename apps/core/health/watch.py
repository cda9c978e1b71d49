"""One dependency, watched by one thread of its own."""

import asyncio
import inspect
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException, ServiceWarning

logger = logging.getLogger(__name__)
Status = Literal["ok", "degraded", "down", "unknown"]
# Nobody reads the health page: stop asking after this long.
_IDLE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one finished run of a check found. `at` and `took_s` are monotonic seconds."""

    status: Status
    error: str | None
    at: float
    took_s: float


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a dependency now; None where nothing is known."""

    name: str
    critical: bool
    status: Status
    error: str | None
    latency_ms: float | None
    last_ok: datetime | None
    age_ms: int | None


class Watch:
    """Runs one check again and again while someone reads the result.

    A check that hangs keeps its one thread and is reported as down once its time is over; it can
    neither hold up other checks nor gather threads.
    """

    def __init__(
        self, name: str, check: HealthCheck, *, critical: bool, timeout_s: float, interval_s: float
    ) -> None:
        self.name = name
        self.check = check
        self.critical = critical
        self.timeout_s = timeout_s
        self.interval_s = interval_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child must: its parent's thread is not here."""
        self._lock = threading.Lock()
        self._pause = threading.Event()
        self._running = False
        self._began: float | None = None
        self._read_at = 0.0
        self._last: Result | None = None
        self._last_ok: datetime | None = None

    def touch(self) -> None:
        """Someone reads: see to it that the thread runs."""
        with self._lock:
            self._read_at = time.monotonic()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._loop, name=f"health-{self.name}", daemon=True).start()

    def stop(self) -> bool:
        """Ask the thread to end after the check it is in; True once it has."""
        with self._lock:
            self._read_at = -math.inf
            self._pause.set()
            return not self._running

    def settled(self) -> bool:
        """Whether there is a result recent enough to show, or no hope of one in time."""
        with self._lock:
            now = time.monotonic()
            if self._began is not None and now - self._began > self.timeout_s:
                return True
            return self._last is not None and now - self._last.at <= self._stale_s

    @property
    def _stale_s(self) -> float:
        return 2 * self.interval_s + self.timeout_s

    def state(self) -> State:
        """The last result and its age."""
        with self._lock:
            last, began, last_ok = self._last, self._began, self._last_ok
        now = time.monotonic()
        status: Status = "unknown"
        error: str | None = None
        if began is not None and now - began > self.timeout_s:
            status, error = "down", f"No answer within {self.timeout_s:g} s."
        elif last is not None and now - last.at <= self._stale_s:
            status, error = last.status, last.error
        return State(
            name=self.name,
            critical=self.critical,
            status=status,
            error=error,
            latency_ms=round(last.took_s * 1000, 2) if last and last.status != "down" else None,
            last_ok=last_ok,
            age_ms=int((now - last.at) * 1000) if last else None,
        )

    def _loop(self) -> None:
        while True:
            began = time.monotonic()
            with self._lock:
                self._began = began
            status, error = _run(self.check, self.timeout_s)
            at = time.monotonic()
            _close_connections()
            with self._lock:
                self._began = None
                self._last = Result(status, error, at, at - began)
                if status in ("ok", "degraded"):
                    self._last_ok = datetime.now(UTC)
            self._pause.wait(self.interval_s)
            self._pause.clear()
            with self._lock:
                if time.monotonic() - self._read_at > _IDLE_S:
                    self._running = False
                    return


def _close_connections() -> None:
    # No request ends here at which Django would look after this thread's connections, and one kept
    # between checks would hide that no new one can be made.
    try:
        connections.close_all()
    except Exception:
        logger.exception("A connection of a health check could not be closed")


def _run(check: HealthCheck, timeout_s: float) -> tuple[Status, str | None]:
    run: Callable[[], object] = check.run
    try:
        if inspect.iscoroutinefunction(run):
            asyncio.run(asyncio.wait_for(run(), timeout_s))
        else:
            run()
    except ServiceWarning as warning:
        return "degraded", warning.message
    except HealthCheckException as failure:
        return "down", failure.message
    except TimeoutError:
        return "down", f"No answer within {timeout_s:g} s."
    except Exception:
        # The text of a foreign error may hold an address or a password: it goes to the log only.
        logger.exception("Health check failed unexpectedly", extra={"check": type(check).__name__})
        return "down", "The check failed; see the log."
    return "ok", None
