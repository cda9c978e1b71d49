"""The telemetry store as it was at any moment of a range: a source whose clock is moved by hand."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.sources import StoreSource
from apps.alerts.models.rule import Rule
from apps.alerts.preview.grid import Grid, Track
from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import distributions, linecounts, numbers, series, spanfigures
from apps.monitoring.queries.linecounts import LineQuery
from apps.monitoring.queries.series import Latest, SeriesQuery, SeriesResult
from apps.monitoring.queries.spanfigures import SpanQuery

# The most steps one reading of the store gives.
_CHUNK: Final = 1400
MOST_GROUPS: Final = 100
_Group = tuple[tuple[str, str], ...]


class PastSource(StoreSource):
    """Each query reads its whole grid once, in a few statements; windows are cut from memory.

    Raises UnavailableError when reading takes until after `deadline` (of `time.monotonic`).
    """

    def __init__(self, grid: Grid, deadline: float) -> None:
        super().__init__()
        self.grid, self.at, self._deadline = grid, grid.start, deadline
        self._tracks: dict[Any, list[Track]] = {}
        self._memory: dict[str, Memory] = {}

    def now(self) -> datetime:
        """The moment the clock was moved to."""
        return self.at

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:
        """As the store would have answered."""
        return self._cut(self._series(query), self.at, window_s)

    def before(self, query: SeriesQuery, window_s: float, ago_s: float) -> Sequence[Latest]:
        """As the store would have answered."""
        return self._cut(self._series(query), self.at - timedelta(seconds=ago_s), window_s)

    def history(
        self, query: SeriesQuery, time_range: TimeRange, step_s: int
    ) -> Sequence[SeriesResult]:
        """The grid's own steps stand for those of the store."""
        step = timedelta(seconds=step_s)
        ends = [time_range.start + (i + 1) * step for i in range(int(time_range.duration / step))]
        found = []
        for track in self._series(query):
            points = []
            for end in ends:
                if self.grid.start + step <= end <= self.grid.end:
                    seen = track.over(*self.grid.span(end, step_s))
                    points.append((end - step, None if seen is None else seen.value))
            found.append(SeriesResult(track.labels, "", points))
        return found

    def lines(self, query: LineQuery, window_s: float) -> Sequence[Latest]:
        """As the store would have counted; like it, without groups that had no line."""
        found = self._cut(self._counted(query), self.at, window_s)
        known = [one for one in found if one.value]
        return known or ([] if query.by else [Latest({}, 0.0, None)])

    def spans(self, query: SpanQuery, window_s: float) -> Sequence[Latest]:
        """As the store would have answered; a step of the grid is one window."""
        found = self._cut(self._measured(query), self.at, window_s)
        return [one for one in found if one.value is not None]

    def recall(self, rule: Rule) -> dict[str, Memory]:  # noqa: ARG002
        """What the rule would have remembered by then."""
        return dict(self._memory)

    def remember(
        self,
        rule: Rule,  # noqa: ARG002
        changed: Mapping[str, Memory],
        gone: Sequence[str],
    ) -> None:
        """Keep it for the rest of the run."""
        self._memory |= changed
        for key in gone:
            self._memory.pop(key, None)

    def _cut(self, tracks: list[Track], end: datetime, window_s: float) -> list[Latest]:
        span = self.grid.span(end, window_s)
        found = []
        for track in tracks:
            seen = track.over(*span)
            if seen is not None:
                found.append(Latest(track.labels, seen.value, seen.at))
        return found

    def _series(self, query: SeriesQuery) -> list[Track]:
        return self._kept(
            (query.metric, query.aggregation, _scope(query)), lambda: _load(self, query)
        )

    def _counted(self, query: LineQuery) -> list[Track]:
        def load() -> list[Track]:
            groups: dict[_Group, dict[datetime, Any]] = {}
            for chunk in self.chunks():
                step_s = self.grid.step.total_seconds()
                _merge(groups, linecounts.by_step(query, chunk, step_s))
            return self._tracks_of(groups, lambda found, _s: float(found[0]), additive=True)

        return self._kept(query, load)

    def _measured(self, query: SpanQuery) -> list[Track]:
        def load() -> list[Track]:
            groups: dict[_Group, dict[datetime, Any]] = {}
            for chunk in self.chunks():
                step_s = round(self.grid.step.total_seconds())
                _merge(groups, spanfigures.by_step(query, chunk, step_s))
            return self._tracks_of(groups, lambda found, _s: found[-1].value, additive=False)

        return self._kept(query, load)

    def _tracks_of(
        self, groups: Mapping[_Group, Mapping[datetime, Any]],
        figure: "Callable[[Sequence[Any], float], float | None]", *, additive: bool,
    ) -> list[Track]:  # fmt: skip
        return [
            Track(dict(group), self.grid, cells, figure, additive=additive)
            for group, cells in list(groups.items())[:MOST_GROUPS]
        ]

    def _kept(self, key: Any, load: "Callable[[], list[Track]]") -> list[Track]:
        if key not in self._tracks:
            self._tracks[key] = load()
        return self._tracks[key]

    def chunks(self) -> Iterator[TimeRange]:
        """The grid in pieces the store answers whole. Raises UnavailableError when time is up."""
        for first in range(0, self.grid.size, _CHUNK):
            if time.monotonic() > self._deadline:
                raise UnavailableError(_("This preview takes too long: shorten its range."))
            last = min(self.grid.size, first + _CHUNK)
            yield TimeRange(
                self.grid.start + first * self.grid.step, self.grid.start + last * self.grid.step
            )


def _scope(query: SeriesQuery) -> tuple[Any, ...]:
    return (tuple(sorted(query.scope.items())), query.by, query.where)


def _merge(
    into: dict[_Group, dict[datetime, Any]], found: Mapping[_Group, Mapping[datetime, Any]]
) -> None:
    for group, cells in found.items():
        into.setdefault(group, {}).update(cells)


def _load(source: PastSource, query: SeriesQuery) -> list[Track]:
    """The cells of a query over the grid."""
    grid = source.grid
    groups: dict[_Group, dict[datetime, Any]] = {}
    gauge = False
    for chunk in source.chunks():
        charted = series.chart(query, chunk, round(grid.step.total_seconds()))
        if charted is None:
            continue
        gauge = charted.gauge
        for number, cells in charted.cells.items():
            labels = tuple(sorted(charted.found.labels[number].items()))
            groups.setdefault(labels, {}).update(cells)
    return [
        _track(grid, dict(labels), cells, query.aggregation, gauge=gauge)
        for labels, cells in list(groups.items())[:MOST_GROUPS]
    ]


def _track(
    grid: Grid, labels: dict[str, str], cells: dict[datetime, Any], aggregation: str, *, gauge: bool
) -> Track:
    def figure(found: Sequence[Any], seconds: float) -> float | None:
        if isinstance(found[0], distributions.Cell):
            one = found[0] if len(found) == 1 else distributions.together(found)
            merged: float | None = one.value(aggregation, covered_s=seconds)
            return merged
        if aggregation == "sum" and gauge:
            # The level of several steps is their mean, not their sum.
            levels = [float(c.value("sum", gauge=True, covered_s=seconds)) for c in found]
            return sum(levels) / len(levels)
        whole = found[0] if len(found) == 1 else numbers.together(found)
        return float(whole.value(aggregation, gauge=gauge, covered_s=seconds))

    return Track(labels, grid, cells, figure, additive=False, newest=lambda cell: cell.last_ts)
