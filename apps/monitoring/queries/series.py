"""Reading metrics: one query language for pages, API, alerts and live charts.

A query names a metric, a scope, an aggregation and the labels to group by. Points come from raw
rows, minutes or hours, whichever is current and small enough; what was committed a moment ago is
in the answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import distributions, numbers, plan, reads, selection
from apps.monitoring.queries.filters import Filter
from apps.monitoring.queries.plan import Plan
from apps.monitoring.queries.selection import Selected
from apps.monitoring.store.rows import Kind

AGGREGATIONS: Final = (
    "avg", "min", "max", "sum", "last", "rate", "increase", "count",
    *distributions.QUANTILES,
)  # fmt: skip
MOST_RESULTS: Final = 100
_MOST_LABELS: Final = 10
# A group whose senders have been silent for a day is no longer asked about.
_ALIVE: Final = timedelta(days=1)


@dataclass(frozen=True)
class SeriesQuery:
    """What to read.

    `scope` maps attribute names of the series or of its resource (`service.name`) to a value, or
    to a prefix when it ends in `*`. `by` names the attributes that keep series apart; all others
    are merged. `where` are further conditions. `sum` adds up series of a gauge, and what a counter
    gained; `count` is the number of points of a gauge or sum and the number of observations of a
    histogram.
    """

    metric: str
    aggregation: str = "avg"
    scope: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            raise InvalidInputError(
                f"There is no aggregation {self.aggregation!r}; use one of"
                f" {', '.join(AGGREGATIONS)}.",
                {"aggregation": self.aggregation},
            )
        if max(len(self.by), len(self.scope), len(self.where)) > _MOST_LABELS:
            raise InvalidInputError(f"At most {_MOST_LABELS} labels and scopes are possible.")
        if any("\0" in text for text in (self.metric, *self.by, *self.scope, *self.scope.values())):
            raise InvalidInputError("Names and values must not hold NUL characters.")


@dataclass(frozen=True)
class SeriesResult:
    """One line of a chart: a point for every step, None where nothing is known."""

    labels: dict[str, str]
    unit: str
    points: list[tuple[datetime, float | None]]
    # Percentiles read between bounds the sender chose, not of 1.1 % each.
    interpolated: bool = False


@dataclass(frozen=True)
class Charted:
    """A query's cells by group and step, and how one is read: `figure(cell, step)`."""

    query: SeriesQuery
    found: Selected
    chosen: Plan
    cells: dict[int, dict[datetime, Any]]

    @property
    def steps(self) -> list[datetime]:
        return [self.chosen.start + i * self.chosen.step for i in range(_count(self.chosen))]

    @property
    def unit(self) -> str:
        return _unit(self.query, self.found)

    @property
    def gauge(self) -> bool:
        return _is_gauge(self.found)

    def line(self, labels: dict[str, str], of_group: Mapping[datetime, Any]) -> SeriesResult:
        """One group's cells as a line over all steps."""
        figure = _figure(self.query, self.found, self.chosen)
        percentile = self.query.aggregation in distributions.QUANTILES
        return SeriesResult(
            labels,
            self.unit,
            [
                (step, None if (cell := of_group.get(step)) is None else figure(cell, step))
                for step in self.steps
            ],
            percentile and any(cell.interpolated for cell in of_group.values()),
        )


@dataclass(frozen=True)
class Latest:
    """One figure; `at` is the time of the newest point in it. None when there was no point."""

    labels: dict[str, str]
    value: float | None
    at: datetime | None


def read(query: SeriesQuery, time_range: TimeRange, step_s: int) -> list[SeriesResult]:
    """The chart of a query, at most 100 lines of at most 1500 points; empty when no series match.

    Steps are whole multiples of the step since 1970. The step grows when the range asks for more
    points, and to whole minutes or hours when the range is read from rollups. Raises
    InvalidInputError when the metric does not have the aggregation.
    """
    charted = chart(query, time_range, step_s)
    if charted is None:
        return []
    cells, labels = charted.cells, charted.found.labels
    largest = sorted(cells, key=lambda group: -sum(c.n for c in cells[group].values()))
    shown = sorted(largest[:MOST_RESULTS], key=lambda group: sorted(labels[group].items()))
    return [charted.line(labels[group], cells[group]) for group in shown]


def chart(query: SeriesQuery, time_range: TimeRange, step_s: int) -> Charted | None:
    """What `read` draws, before lines are chosen; None when no series match."""
    with selection.reader() as cursor:
        found = _select(cursor, query, time_range.start)
        if found is None:
            return None
        return Charted(query, found, *_chart(cursor, query, found, time_range, step_s))


def latest(
    query: SeriesQuery, window_s: float, *, now: datetime | None = None, most: int = MOST_RESULTS
) -> list[Latest]:
    """The figure over the last `window_s` seconds of every group that was alive within a day.

    Empty when there is no such series; a group without a point in the window has value None. At
    most `most` groups; `now` is the end of the window, this process' own clock unless given.
    """
    now = now or datetime.now(UTC)
    start = now - timedelta(seconds=max(window_s, 1))
    # Points stamped this very moment belong to the window.
    end = now + timedelta(microseconds=1)
    return _figures(query, start, end, min(start, now - _ALIVE), most)


def over(query: SeriesQuery, time_range: TimeRange) -> list[Latest]:
    """One figure for the whole range of every group that was alive in it, as `latest`."""
    return _figures(query, time_range.start, time_range.end, time_range.start)


def several(
    query: SeriesQuery, aggregations: Sequence[str], time_range: TimeRange
) -> list[tuple[Latest, list[float | None]]]:
    """`over` for several aggregations that one reading of the rows answers, as p50, p95, count.

    Each group with its figures in their order; the query's own aggregation decides what is read.
    """
    with selection.reader() as cursor:
        found = _select(cursor, query, time_range.start)
        if found is None:
            return []
        chosen = plan.one_step(cursor, _family(found), time_range.start, time_range.end)
        cells = _cells(cursor, query, found, chosen)
    readers = [_figure(replace(query, aggregation=name), found, chosen) for name in aggregations]
    answers = []
    for group, labels in enumerate(found.labels):
        cell = cells.get(group, {}).get(chosen.start)
        if cell is not None:
            values = [read(cell, chosen.start) for read in readers]
            answers.append((Latest(labels, values[0], cell.last_ts), values))
    return answers


def _figures(
    query: SeriesQuery, start: datetime, end: datetime, since: datetime, most: int = MOST_RESULTS
) -> list[Latest]:
    with selection.reader() as cursor:
        found = _select(cursor, query, since, max(most, selection.MOST_SERIES))
        if found is None:
            return []
        chosen = plan.one_step(cursor, _family(found), start, end)
        cells = _cells(cursor, query, found, chosen)
    figure = _figure(query, found, chosen)
    answers = []
    for group, labels in enumerate(found.labels[:most]):
        cell = cells.get(group, {}).get(chosen.start)
        if cell is None:
            answers.append(Latest(labels, None, None))
        else:
            answers.append(Latest(labels, figure(cell, chosen.start), cell.last_ts))
    return answers


def forget() -> None:
    """Drop what lookups remember for a moment (tests that rebuild the store)."""
    selection.forget()
    plan.forget()


@contextmanager
def shared() -> Iterator[None]:
    """Inside, queries for one chart that differ in their aggregation alone read its rows once.

    For a page that draws p50, p95 and p99 of one moment; not to be held longer than that.
    """
    with selection.sit():
        yield


_Cells = dict[int, dict[datetime, Any]]


def _chart(
    cursor: "psycopg.Cursor[Any]", query: SeriesQuery, found: Selected, time_range: TimeRange,
    step_s: int,
) -> tuple[Plan, _Cells]:  # fmt: skip
    own = selection.sitting.get()
    if found.kind is Kind.HISTOGRAM:
        variant = distributions.variant(query.aggregation)
    else:
        variant = numbers.variant(found, query.aggregation)
    scope = tuple(sorted(query.scope.items()))
    key = (query.metric, scope, query.by, query.where, variant, time_range, step_s)
    if own is not None and key in own.kept:
        kept: tuple[Plan, _Cells] = own.kept[key]
        return kept
    chosen = plan.choose(cursor, _family(found), time_range.start, time_range.end, step_s)
    answer = chosen, _cells(cursor, query, found, chosen)
    if own is not None:
        own.kept[key] = answer
    return answer


def _select(
    cursor: "psycopg.Cursor[Any]", query: SeriesQuery, since: datetime,
    most: int = selection.MOST_SERIES,
) -> Selected | None:  # fmt: skip
    reads.note(query.metric)
    found = selection.select(cursor, query.metric, query.scope, query.by, since, query.where, most)
    if found is None:
        return None
    if found.kind is Kind.HISTOGRAM:
        possible = query.aggregation != "last"
    else:
        possible = query.aggregation not in distributions.QUANTILES
        if query.aggregation in ("rate", "increase"):
            possible = found.kind is Kind.SUM and found.monotonic
    if not possible:
        raise InvalidInputError(
            f"{query.metric} is a {found.kind.name.lower()}: it has no {query.aggregation}.",
            {"metric": query.metric, "aggregation": query.aggregation},
        )
    return found


def _is_gauge(found: Selected) -> bool:
    # A sum that may fall is the level of something.
    return found.kind is Kind.GAUGE or not found.monotonic


def _family(found: Selected) -> str:
    return "hist" if found.kind is Kind.HISTOGRAM else "sample"


def _cells(
    cursor: "psycopg.Cursor[Any]", query: SeriesQuery, found: Selected, chosen: Plan
) -> dict[int, dict[datetime, Any]]:
    if found.kind is Kind.HISTOGRAM:
        return dict(distributions.read(cursor, found, chosen, query.aggregation))
    return dict(numbers.read(cursor, found, chosen, query.aggregation))


def _count(chosen: Plan) -> int:
    return min(plan.MOST_POINTS, (chosen.end - chosen.start) // chosen.step)


def _figure(
    query: SeriesQuery, found: Selected, chosen: Plan
) -> Callable[[Any, datetime], float | None]:
    """What one cell shows for this query, given the start of its step."""
    gauge = _is_gauge(found)
    whole_s = chosen.step.total_seconds()
    now = datetime.now(UTC)

    def figure(cell: "numbers.Cell | distributions.Cell", step: datetime) -> float | None:
        covered_s = whole_s
        if step + chosen.step > now:
            # The step that is still running has lasted less than a whole one.
            covered_s = max((now - step).total_seconds(), min(1.0, whole_s))
        if isinstance(cell, distributions.Cell):
            return cell.value(query.aggregation, covered_s=covered_s)
        return cell.value(query.aggregation, gauge=gauge, covered_s=covered_s)

    return figure


def _unit(query: SeriesQuery, found: Selected) -> str:
    histogram = found.kind is Kind.HISTOGRAM
    if query.aggregation == "count" or (histogram and query.aggregation == "increase"):
        return "1"
    if query.aggregation == "rate":
        return "1/s" if histogram or found.unit in ("", "1") else f"{found.unit}/s"
    return found.unit
