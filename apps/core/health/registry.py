"""Which dependencies are watched. Apps add theirs in `ready()`."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from health_check.base import HealthCheck

from apps.core.health.watch import State, Watch

logger = logging.getLogger(__name__)
_FIRST_READ_S: Final = 0.3
_watches: dict[str, Watch] = {}
_suppliers: dict[str, Callable[[], Mapping[str, Any]]] = {}
_lock = threading.Lock()
_builtin_loaded = False


def register(
    check: HealthCheck,
    critical: bool = False,  # noqa: FBT001, FBT002 (reads as register(check, critical=…))
    timeout_s: float = 5.0,
    *,
    name: str | None = None,
    interval_s: float = 10.0,
) -> None:
    """Watch one more dependency; the same name again replaces the former check.

    `critical` ones make the whole portal "down" when they are down.
    """
    key = name or str(getattr(check, "name", "")) or type(check).__name__.lower()
    with _lock:
        _watches[key] = Watch(
            key, check, critical=critical, timeout_s=timeout_s, interval_s=interval_s
        )


def describe(name: str, supplier: Callable[[], Mapping[str, Any]]) -> None:
    """Add a section of facts to the detailed report. The supplier must not block."""
    _suppliers[name] = supplier


def read(wait_s: float = _FIRST_READ_S) -> list[State]:
    """The state of every dependency, by name. Waits only while first results are awaited."""
    watches = touch()
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline and not all(w.settled() for w in watches):
        time.sleep(0.01)
    return [watch.state() for watch in watches]


def touch() -> list[Watch]:
    """Start the watches that do not run; never blocks."""
    _load_builtin()
    with _lock:
        watches = [_watches[name] for name in sorted(_watches)]
    for watch in watches:
        watch.touch()
    return watches


def stop(wait_s: float = 0.0) -> bool:
    """End the watching threads, which the next reading starts again; False if some still run."""
    deadline = time.monotonic() + wait_s
    with _lock:
        watches = list(_watches.values())
    while True:
        ended = [watch.stop() for watch in watches]
        if all(ended) or time.monotonic() >= deadline:
            return all(ended)
        time.sleep(0.01)


def facts() -> dict[str, Mapping[str, Any]]:
    """The sections added by `describe`; one that fails is left out and logged."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, supplier in list(_suppliers.items()):
        try:
            found[name] = supplier()
        except Exception:
            logger.exception("Facts for the health report failed", extra={"section": name})
    return found


def _load_builtin() -> None:
    global _builtin_loaded
    if _builtin_loaded:
        return
    # Late, because the library's checks bring a DNS resolver along.
    from apps.core.health.checks import builtin

    checks = builtin()
    with _lock:
        for watch in checks:
            _watches.setdefault(watch.name, watch)
        _builtin_loaded = True


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for watch in _watches.values():
        watch.reset()


os.register_at_fork(after_in_child=_after_fork)
