"""Reads the series of one service over one range, each query once, as lines to draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring.queries.series import Latest, SeriesQuery, SeriesResult, latest, over, read

NOW_WINDOW_S: Final = 60.0

Values = dict[datetime, float | None]
_Key = tuple[str, str, tuple[str, ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart. A missing point is None: unknown, not zero."""

    name: str
    values: Values


@dataclass
class Reader:
    """What one service sent: over a range in steps (`series`), and as one figure (`now`).

    The figure is the last minute's, or that of `figure_of` where a range is named.
    """

    service: str
    time_range: TimeRange
    step_s: int
    figure_of: TimeRange | None = None
    _series: dict[_Key, list[SeriesResult]] = field(default_factory=dict)
    _now: dict[_Key, list[Latest]] = field(default_factory=dict)

    def series(
        self,
        metric: str,
        aggregation: str,
        by: tuple[str, ...] = (),
        scope: Mapping[str, str] | None = None,
    ) -> list[SeriesResult]:
        """One result for each label set."""
        key, query = self._query(metric, aggregation, by, scope)
        if key not in self._series:
            self._series[key] = read(query, self.time_range, self.step_s)
        return self._series[key]

    def now(
        self,
        metric: str,
        aggregation: str,
        by: tuple[str, ...] = (),
        scope: Mapping[str, str] | None = None,
    ) -> list[Latest]:
        """The same as one figure for each label set."""
        key, query = self._query(metric, aggregation, by, scope)
        if key not in self._now:
            span = self.figure_of
            self._now[key] = over(query, span) if span else latest(query, NOW_WINDOW_S)
        return self._now[key]

    def value_now(
        self, metric: str, aggregation: str, scope: Mapping[str, str] | None = None
    ) -> float | None:
        """The one figure over all label sets; None when nothing arrived."""
        return next((item.value for item in self.now(metric, aggregation, (), scope)), None)

    def _query(
        self, metric: str, aggregation: str, by: tuple[str, ...], scope: Mapping[str, str] | None
    ) -> tuple[_Key, SeriesQuery]:
        full = {"service.name": self.service, **(scope or {})}
        key = (metric, aggregation, by, tuple(sorted(full.items())))
        return key, SeriesQuery(metric, aggregation, full, by)


def lines(
    results: list[SeriesResult], name: Callable[[dict[str, str]], str], scale: float = 1.0
) -> list[Line]:
    """Each result as a line, by name."""
    found = [
        Line(
            name(result.labels),
            {ts: None if value is None else value * scale for ts, value in result.points},
        )
        for result in results
    ]
    return sorted(found, key=lambda line: line.name)


def total(results: list[SeriesResult]) -> Values:
    """Point by point the sum of what is known; None where no result knows anything."""
    sums: Values = {}
    for result in results:
        for ts, value in result.points:
            known = sums.get(ts)
            sums[ts] = known if value is None else value + (known or 0.0)
    return sums


def share(part: Values, whole: Values) -> Values:
    """Point by point the percentage of `part` in `whole`.

    Where the whole is known a missing part is none at all; where it is not, neither is the share.
    """
    return {
        ts: 100.0 * (part.get(ts) or 0.0) / everything if everything else None
        for ts, everything in whole.items()
    }


def seconds_to_ms(unit: str) -> float:
    """What turns a duration of this unit into milliseconds."""
    return {"ms": 1.0, "us": 1e-3, "ns": 1e-6}.get(unit, 1e3)


def step_s(result: SeriesResult) -> float:
    """How many seconds one point covers: the store widens steps where it reads from rollups."""
    if len(result.points) < 2:
        return 1.0
    return (result.points[1][0] - result.points[0][0]).total_seconds()
