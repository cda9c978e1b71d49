"""From an alert to the points of its chart, within two seconds or not at all."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

import structlog
from django.core.cache import cache
from django.db import connection
from django.utils import translation

from apps.alerts.delivery import wording
from apps.alerts.delivery.chart.draw import Picture, png
from apps.alerts.models import Episode
from apps.core.timerange import TimeRange
from apps.monitoring.queries import reads
from apps.monitoring.queries.series import AGGREGATIONS, SeriesQuery, read

log = structlog.get_logger(__name__)

_LIMIT_S: Final = 2.0
_POINTS: Final = 240
_LEAST_STEP_S: Final = 15
_KEPT_S: Final = 600
_BEFORE: Final = timedelta(minutes=30)
_AFTER: Final = timedelta(minutes=5)
# Two at once in a process: a storm of messages must not become a storm of queries.
_pool = ThreadPoolExecutor(2, thread_name_prefix="chart")


@dataclass(frozen=True)
class Shown:
    """The series of an alert, and the stretch of time to draw."""

    metric: str
    aggregation: str
    labels: Mapping[str, str]
    unit: str
    above: bool
    threshold: float | None
    severity: str
    since: datetime
    until: datetime

    @property
    def key(self) -> str:
        """Where its picture is kept: one a minute while the alert lasts."""
        told = f"{self.metric}|{self.aggregation}|{sorted(self.labels.items())}|{self.threshold}"
        when = f"{self.severity}|{self.since.timestamp()}|{int(self.until.timestamp() // 60)}"
        return f"alerts:chart:{sha256(f'{told}|{when}'.encode()).hexdigest()}"


def of_payload(payload: Mapping[str, Any]) -> Shown | None:
    """What a message's first breach saw; None where there is no series to draw."""
    breaches = payload.get("breaches") or []
    if not breaches or not payload.get("since"):
        return None
    one = breaches[0]
    since = datetime.fromisoformat(one.get("since") or payload["since"])
    ended = payload.get("ended_at")
    return _shown(one, since, datetime.fromisoformat(ended) if ended else None)


def of_episode(episode: Episode, until: datetime) -> Shown | None:
    """The same of an episode as it is now, up to `until`."""
    names = ("metric", "labels", "unit", "direction", "threshold", "severity")
    one = {name: getattr(episode, name) for name in names}
    one["aggregation"] = episode.rule.aggregation if episode.rule else ""
    return _shown(one, episode.fired_at or episode.started_at, until - _AFTER)


def pictured(payload: Mapping[str, Any]) -> bytes | None:
    """The chart of a message, or None."""
    return picture(of_payload(payload))


def picture(shown: Shown | None) -> bytes | None:
    """The chart as PNG; None when it cannot be drawn soon. Raises nothing, may be called anywhere.

    Reads on a connection of its own, so that a sender needs none.
    """
    if shown is None:
        return None
    try:
        return _pool.submit(_apart, shown).result(_LIMIT_S)
    except Exception as error:  # noqa: BLE001 (a message without its chart is better than none)
        log.info("chart_left_out", error=type(error).__name__)
        return None


def drawn(shown: Shown) -> bytes | None:
    """The chart as PNG, from the cache or drawn now. Raises what the store raises."""
    kept: bytes | None = cache.get(shown.key)
    if kept is not None:
        return kept
    found = png(_picture(shown))
    if found is not None:
        cache.set(shown.key, found, _KEPT_S)
    return found


def _apart(shown: Shown) -> bytes | None:
    try:
        return drawn(shown)
    finally:
        connection.close()


def _picture(shown: Shown) -> Picture:
    span = TimeRange(shown.since - _BEFORE, shown.until)
    step_s = max(_LEAST_STEP_S, int((span.end - span.start).total_seconds() / _POINTS))
    query = SeriesQuery(shown.metric, shown.aggregation, shown.labels)
    with reads.by("rule"):
        lines = read(query, span, step_s)
    return Picture(
        title=f"{shown.metric} ({shown.aggregation})",
        points=lines[0].points if lines else [],
        threshold=shown.threshold,
        above=shown.above,
        severity=shown.severity,
        since=shown.since,
        label=partial(_label, unit=shown.unit),
    )


def _label(value: float, unit: str) -> str:
    # The picture's letters are Latin ones, whatever the message's language.
    with translation.override("en"):
        return wording.figure(float(f"{value:.3g}"), unit)


def _shown(one: Mapping[str, Any], since: datetime, ended: datetime | None) -> Shown | None:
    labels, aggregation = dict(one.get("labels") or {}), one.get("aggregation")
    if not one.get("metric") or aggregation not in AGGREGATIONS or len(labels) > 10:
        return None
    now = datetime.now(UTC)
    until = min(ended + _AFTER, now) if ended else now
    return Shown(
        metric=str(one["metric"]),
        aggregation=str(aggregation),
        labels=labels,
        unit=str(one.get("unit") or ""),
        above=one.get("direction") != "below",
        threshold=one.get("threshold"),
        severity=str(one.get("severity") or ""),
        since=since,
        until=max(until, since + timedelta(minutes=1)),
    )
