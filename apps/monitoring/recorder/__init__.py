"""The portal's own recorder: requests, SQL, cache, tasks, logs and traces of this process.

`count`, `gauge` and `observe` may be called from anywhere and at any rate: they never block and
never raise, and what finds no room is counted as dropped.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from apps.monitoring.recorder import events
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import active, inject, suppressed
from apps.monitoring.recorder.relay import Told, relay
from apps.monitoring.recorder.spans import span
from apps.monitoring.recorder.threads import carried

__all__ = [
    "carried", "count", "enabled", "flush", "gauge", "inject", "install", "observe", "span",
    "suppressed", "take_over", "uneventful",
]  # fmt: skip

Attrs = Mapping[str, Any] | None


def enabled() -> bool:
    """Whether this process records itself (`PHAROS_RECORDER`)."""
    return bool(settings.PHAROS_RECORDER)


def count(name: str, value: float = 1, unit: str = "1", attrs: Attrs = None) -> None:
    """Add to a delta sum."""
    if settings.PHAROS_RECORDER:
        recorder.add((events.COUNT, name, value, unit, attrs))
    elif relay.on:
        relay.count(name, value, unit, attrs)


def gauge(name: str, value: float, unit: str = "1", attrs: Attrs = None) -> None:
    """Tell the present value of something."""
    if settings.PHAROS_RECORDER:
        recorder.add((events.GAUGE, name, value, unit, attrs))
    elif relay.on:
        relay.gauge(name, value, unit, attrs)


def observe(name: str, seconds: float, attrs: Attrs = None) -> None:
    """Add a duration to a histogram."""
    if settings.PHAROS_RECORDER:
        recorder.add((events.OBSERVE, name, seconds, "s", attrs))


def take_over(told: Sequence[Told]) -> None:
    """Record what a process without a recorder of its own has told (`relay.take`)."""
    for kind, name, unit, attrs, value in told:
        (count if kind == "count" else gauge)(name, value, unit, dict(attrs))


def uneventful() -> None:
    """Leave the running task out of the traces: it found nothing to do. Figures count it.

    One such run a second would bury those that tell something. To be called at its end.
    """
    span = active()
    if span is not None and span.error is None:
        span.sampled = False


def flush(timeout_s: float = 3.0) -> bool:
    """Store what is buffered; True when all of it was committed in time."""
    return recorder.flush(timeout_s)


def install() -> None:
    """Instrument this process, once. Called when Django is ready."""
    if not enabled():
        return
    from apps.monitoring.recorder import cache, http, middleware, sql, tasks, threads

    middleware.install()
    sql.install()
    cache.install()
    tasks.install()
    http.install()
    threads.install()
