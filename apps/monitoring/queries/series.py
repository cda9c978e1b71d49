"""Reading metrics: one query language for pages, API, alerts and live charts.

A query names a metric, a scope, an aggregation and the labels to group by. Points come from raw
rows, minutes or hours, whichever is current and small enough; what was committed a moment ago is
in the answer.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import distributions, numbers, plan, selection
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
    are merged. `sum` adds up series of a gauge, and what a counter gained; `count` is the number
    of points of a gauge or sum and the number of observations of a histogram.
    """

    metric: str
    aggregation: str = "avg"
    scope: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            raise InvalidInputError(
                f"There is no aggregation {self.aggregation!r}; use one of"
                f" {', '.join(AGGREGATIONS)}.",
                {"aggregation": self.aggregation},
            )
        if len(self.by) > _MOST_LABELS or len(self.scope) > _MOST_LABELS:
            raise InvalidInputError(f"At most {_MOST_LABELS} labels and scopes are possible.")
        if any("\0" in text for text in (self.metric, *self.by, *self.scope, *self.scope.values())):
            raise InvalidInputError("Names and values must not hold NUL characters.")


@dataclass(frozen=True)
class SeriesResult:
    """One line of a chart: a point for every step, None where nothing is known."""

    labels: dict[str, str]
    unit: str
    points: list[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Latest:
    """One figure; `at` is the time of the newest point in it. None when there was no point."""

    labels: dict[str, str]
    value: float | None
    at: datetime | None


@dataclass(frozen=True)
class MetricInfo:
    """One metric of the catalogue; `kind` is gauge, sum or histogram."""

    name: str
    unit: str
    kind: str
    series: int


def read(query: SeriesQuery, time_range: TimeRange, step_s: int) -> list[SeriesResult]:
    """The chart of a query, at most 100 lines of at most 1500 points; empty when no series match.

    Steps are whole multiples of the step since 1970. The step grows when the range asks for more
    points, and to whole minutes or hours when the range is read from rollups. Raises
    InvalidInputError when the metric does not have the aggregation.
    """
    with selection.reader() as cursor:
        found = _select(cursor, query, time_range.start)
        if found is None:
            return []
        chosen, cells = _chart(cursor, query, found, time_range, step_s)
    steps = [chosen.start + i * chosen.step for i in range(_count(chosen))]
    figure = _figure(query, found, chosen)
    largest = sorted(cells, key=lambda group: -sum(c.n for c in cells[group].values()))
    shown = sorted(largest[:MOST_RESULTS], key=lambda group: sorted(found.labels[group].items()))
    return [
        SeriesResult(
            found.labels[group],
            _unit(query, found),
            [
                (step, None if (cell := of_group.get(step)) is None else figure(cell, step))
                for step in steps
            ],
        )
        for group in shown
        for of_group in (cells[group],)
    ]


def latest(query: SeriesQuery, window_s: float) -> list[Latest]:
    """The figure over the last `window_s` seconds of every group that was alive within a day.

    Empty when there is no such series; a group without a point in the window has value None.
    """
    now = datetime.now(UTC)
    start = now - timedelta(seconds=max(window_s, 1))
    # Points stamped this very moment belong to the window.
    end = now + timedelta(microseconds=1)
    return _figures(query, start, end, min(start, now - _ALIVE))


def over(query: SeriesQuery, time_range: TimeRange) -> list[Latest]:
    """One figure for the whole range of every group that was alive in it, as `latest`."""
    return _figures(query, time_range.start, time_range.end, time_range.start)


def _figures(query: SeriesQuery, start: datetime, end: datetime, since: datetime) -> list[Latest]:
    with selection.reader() as cursor:
        found = _select(cursor, query, since)
        if found is None:
            return []
        chosen = plan.one_step(cursor, _family(found), start, end)
        cells = _cells(cursor, query, found, chosen)
    figure = _figure(query, found, chosen)
    answers = []
    for group, labels in enumerate(found.labels[:MOST_RESULTS]):
        cell = cells.get(group, {}).get(chosen.start)
        if cell is None:
            answers.append(Latest(labels, None, None))
        else:
            answers.append(Latest(labels, figure(cell, chosen.start), cell.last_ts))
    return answers


def metric_exists(name: str) -> bool:
    """Whether any series of this metric was ever stored."""
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id"
            " WHERE m.name = %s)",
            [name.replace("\0", "")],
        )
        row = cursor.fetchone()
        return bool(row and row[0])


def catalogue(
    prefix: str = "", limit: int = 100, after: tuple[str, str, str] | None = None
) -> list[MetricInfo]:
    """Metrics whose name begins with `prefix`, by name, unit and kind: those after that key."""
    name, unit, kind = after or ("", "", "")
    beyond = (name, unit, Kind[kind.upper()].value) if after else ("", "", -1)
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT m.name, m.unit, m.kind, count(s.id) FROM tm_metric m"
            " JOIN tm_series s ON s.metric_id = m.id WHERE starts_with(m.name, %s)"
            " AND (m.name, m.unit, m.kind) > (%s, %s, %s)"
            " GROUP BY m.name, m.unit, m.kind ORDER BY m.name, m.unit, m.kind LIMIT %s",
            [prefix.replace("\0", ""), *beyond, max(1, min(limit, 1001))],
        )
        return [
            MetricInfo(name, unit, Kind(kind).name.lower(), n)
            for name, unit, kind, n in cursor.fetchall()
        ]


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
    key = (query.metric, scope, query.by, variant, time_range, step_s)
    if own is not None and key in own.kept:
        kept: tuple[Plan, _Cells] = own.kept[key]
        return kept
    chosen = plan.choose(cursor, _family(found), time_range.start, time_range.end, step_s)
    answer = chosen, _cells(cursor, query, found, chosen)
    if own is not None:
        own.kept[key] = answer
    return answer


def _select(cursor: "psycopg.Cursor[Any]", query: SeriesQuery, since: datetime) -> Selected | None:
    found = selection.select(cursor, query.metric, query.scope, query.by, since)
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
    gauge = found.kind is Kind.GAUGE or not found.monotonic
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
