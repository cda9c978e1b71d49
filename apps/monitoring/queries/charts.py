"""Several metrics of one range for one answer, with sensible defaults and a bound on the whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypedDict

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.models import Metric
from apps.monitoring.queries import ranked, series
from apps.monitoring.queries.filters import Filter
from apps.monitoring.queries.ranked import RankedLine
from apps.monitoring.queries.series import SeriesQuery

MOST_POINTS: Final = 50_000
_DEFAULT_POINTS: Final = 120


@dataclass(frozen=True)
class Wish:
    """What to draw. Without an aggregation each metric gets the usual one of its kind."""

    names: Sequence[str]
    scope: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    aggregation: str | None = None
    step_s: int | None = None
    where: tuple[Filter, ...] = ()
    # At most about so many points a series.
    points: int | None = None
    # So many lines, and one of all others; None: every line.
    top: int | None = None


class Line(TypedDict):
    """One series; a point is None where nothing is known."""

    name: str
    labels: dict[str, str]
    unit: str
    points: list[tuple[datetime, float | None]]
    interpolated: bool
    whole: float | None
    merged: int


def lines(wish: Wish, time_range: TimeRange) -> list[Line]:
    """The series of every metric. Raises InvalidInputError for unknown names and too much."""
    usual = _usual(wish.names)
    step_s = _step_s(wish, time_range)
    found: list[Line] = []
    points = 0
    for name in wish.names:
        query = SeriesQuery(name, wish.aggregation or usual[name], wish.scope, wish.by, wish.where)
        for line in _read(query, time_range, step_s, wish.top):
            points += len(line.result.points)
            if points > MOST_POINTS:
                raise InvalidInputError(
                    f"That is more than {MOST_POINTS} points: ask for fewer names or labels, "
                    "a shorter range or a longer step.",
                    {"step_s": step_s},
                )
            result = line.result
            found.append({
                "name": name, "labels": result.labels, "unit": result.unit,
                "points": result.points, "interpolated": result.interpolated,
                "whole": line.whole, "merged": line.merged,
            })  # fmt: skip
    return found


def _step_s(wish: Wish, time_range: TimeRange) -> int:
    most = wish.points or _DEFAULT_POINTS
    least = math.ceil(time_range.duration_s / most)
    if wish.step_s is None:
        return max(1, least)
    return max(wish.step_s, least) if wish.points else wish.step_s


def _read(
    query: SeriesQuery, time_range: TimeRange, step_s: int, top: int | None
) -> list[RankedLine]:
    if top is None:
        return [RankedLine(result, None) for result in series.read(query, time_range, step_s)]
    found = ranked.read(query, time_range, step_s, top)
    return [] if found is None else found.lines


def usual_of(name: str) -> str:
    """The usual aggregation of a metric. Raises InvalidInputError for an unknown name."""
    return _usual([name])[name]


def _usual(names: Sequence[str]) -> dict[str, str]:
    if any("\0" in name for name in names):
        raise InvalidInputError("Names must not hold NUL characters.")
    known = {
        metric.name: _aggregation(metric)
        for metric in Metric.objects.filter(name__in=names).order_by("id")[:1000]
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInputError(
            f"No metric is called {', '.join(unknown)}; /admin/monitoring/metrics/names lists all.",
            {"unknown": unknown},
        )
    return known


def _aggregation(metric: Metric) -> str:
    if metric.kind == Metric.Kind.HISTOGRAM:
        return "p95"
    return "rate" if metric.kind == Metric.Kind.SUM and metric.monotonic else "avg"
