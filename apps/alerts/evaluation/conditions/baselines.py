"""What the past of a rule's series makes likely: median and width, and from when they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from apps.alerts.evaluation.conditions import events
from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.observed import Labels, fingerprint
from apps.core.timerange import TimeRange
from apps.monitoring.queries.series import SeriesQuery

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

_WEEKS: Final = 4
_AROUND: Final = timedelta(minutes=30)
_RECENT: Final = timedelta(hours=6)
_FRESH: Final = timedelta(minutes=5)
_KEPT: Final = timedelta(days=7)
# Of normal noise the median absolute deviation is this share of the standard deviation's inverse.
_NORMAL: Final = 1.4826
# Figures that never moved still have a width: one hundredth of what is expected.
_STEADY: Final = 0.01

Past = dict[str, list[float]]


def reach_s(*, season: bool) -> float:
    """How far back a baseline looks."""
    return (timedelta(weeks=_WEEKS) + _AROUND if season else _RECENT).total_seconds()


def is_fresh(memory: Memory | None, now: datetime) -> bool:
    """Whether a baseline can be used as it is."""
    at = memory.facts.get("at") if memory is not None else None
    return at is not None and abs(now - datetime.fromisoformat(at)) < _FRESH


def is_old(memory: Memory, now: datetime) -> bool:
    """Whether the series has said nothing for so long that its baseline goes."""
    return now - memory.last_seen > _KEPT


def learn(
    rule: "Rule", source: "Source", wanted: Mapping[str, Labels], *, season: bool, fewest: int,
    now: datetime,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """The baseline of each series wanted; `expected` is missing where too few figures are known."""
    by_method: list[tuple[str, Past]] = []
    if season:
        by_method.append(("hour of week", _same_hours(rule, source, now)))
    lacking = [key for key in wanted if not by_method or len(by_method[0][1].get(key, [])) < fewest]
    if lacking:
        end = now - timedelta(seconds=rule.window_s)
        by_method.append(("last six hours", _past(rule, source, TimeRange(end - _RECENT, end))))
    return {key: _baseline(key, by_method, fewest, now) for key in wanted}


def _baseline(
    key: str, by_method: Sequence[tuple[str, Past]], fewest: int, now: datetime
) -> dict[str, Any]:
    most = 0
    for method, past in by_method:
        values = past.get(key, [])
        most = max(most, len(values))
        if len(values) >= fewest:
            middle = median(values)
            spread = _NORMAL * median(abs(value - middle) for value in values)
            width = max(spread, abs(middle) * _STEADY, 1e-9)
            return {
                "at": now.isoformat(), "expected": middle, "width": width,
                "samples": len(values), "method": method,
            }  # fmt: skip
    return {"at": now.isoformat(), "samples": most}


def _same_hours(rule: "Rule", source: "Source", now: datetime) -> Past:
    """Half an hour before and after this moment in each of the last weeks."""
    found: Past = {}
    weeks: dict[str, int] = {}
    for week in range(1, _WEEKS + 1):
        then = now - timedelta(weeks=week)
        for key, values in _past(rule, source, TimeRange(then - _AROUND, then + _AROUND)).items():
            found.setdefault(key, []).extend(values)
            weeks[key] = weeks.get(key, 0) + 1
    # One week is no season: it may itself have been the odd one.
    return {key: values for key, values in found.items() if weeks[key] > 1}


def _past(rule: "Rule", source: "Source", time_range: TimeRange) -> Past:
    """The rule's figures of a range, in steps of its window."""
    if rule.aggregation != events.RATIO:
        lines = _lines(rule, source, time_range, events.query_of(rule))
        return {key: known for key, line in lines.items() if (known := _known(line.values()))}
    info = source.info(rule.metric)
    kind = "increase" if info is not None and info.kind == "sum" else "count"

    def counted(extra: Labels) -> dict[str, dict[datetime, float | None]]:
        query = SeriesQuery(rule.metric, kind, {**rule.scope, **extra}, tuple(rule.by))
        return _lines(rule, source, time_range, query)

    part = counted(rule.numerator_scope)
    rest = counted(rule.remainder_scope) if rule.remainder_scope else None
    found: Past = {}
    for key, line in counted({}).items():
        for at, whole in line.items():
            hits = part.get(key, {}).get(at) or 0.0
            total = (hits + (rest.get(key, {}).get(at) or 0.0)) if rest is not None else whole
            if total and total >= rule.min_samples:
                found.setdefault(key, []).append(hits / total)
    return found


def _lines(
    rule: "Rule", source: "Source", time_range: TimeRange, query: SeriesQuery
) -> dict[str, dict[datetime, float | None]]:
    step_s = max(60, rule.window_s)
    return {
        fingerprint({**rule.scope, **line.labels}): {
            at: value for at, value in line.points if time_range.start <= at < time_range.end
        }
        for line in source.history(query, time_range, step_s)
    }


def _known(values: "Sequence[float | None] | Any") -> list[float]:
    return [value for value in values if value is not None]
