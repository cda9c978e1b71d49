"""Figures of spans by group and step: what rules judge and previews draw.

Counted and sorted span by span over short ranges and where attributes are asked for; long ranges
of what entered services come from RED's rollups, in whole minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import red, traces
from apps.monitoring.queries.operations import Figures, Operation, Wanted
from apps.monitoring.queries.series import Latest
from apps.monitoring.queries.traces import TraceFilter
from apps.monitoring.queries.walk import bounded_cursor

SERVICE: Final = "service.name"
NAME: Final = "span.name"
MOST_GROUPS: Final = 1000
MEASURES: Final = ("count", "rate", "errors", "error_share", "avg", "p50", "p90", "p95", "p99")
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_BY: Final = {SERVICE: "r.service", NAME: "n.value"}
_ROLLED_FROM: Final = timedelta(minutes=15)
_MINUTE: Final = timedelta(minutes=1)

_MEASURED: Final = (
    "SELECT date_bin(%(step)s, s.ts, %(start)s){columns}, count(*), {measure} FROM tm_span s"
    " JOIN tm_resource r ON r.id = s.resource_id JOIN tm_name n ON n.id = s.name_id"
    " WHERE s.ts >= %(start)s AND s.ts < %(end)s{more}"
    " GROUP BY {places} ORDER BY 1 DESC LIMIT %(most)s"
)

Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SpanQuery:
    """Which spans, which figure of them, and what keeps figures apart. Durations are seconds."""

    wanted: TraceFilter
    measure: str = "count"
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise InvalidInputError(f"There is no measure {self.measure!r} of spans.")
        if not set(self.by) <= set(_BY):
            raise InvalidInputError(f"Spans are kept apart by {' and '.join(_BY)} only.")

    @property
    def rolled(self) -> bool:
        """Whether RED's rollups answer it: they know services and operations, no attributes."""
        asked = self.wanted
        return asked.of == "entries" and asked == TraceFilter(
            service=asked.service, name=asked.name, text=asked.text, of="entries"
        )


@dataclass(frozen=True, slots=True)
class SpanCell:
    """The spans of one group in one step; `value` is the query's measure, None when unknown."""

    n: int
    value: float | None


def latest(query: SpanQuery, window_s: float) -> list[Latest]:
    """The figure of the last `window_s` seconds by group; of a count without groups always one.

    A group without spans is not in the answer. Raises UnavailableError when it takes too long.
    """
    now = datetime.now(UTC)
    time_range = TimeRange(now - timedelta(seconds=window_s), now)
    if query.rolled and time_range.duration > _ROLLED_FROM:
        # Whole minutes that are rolled up: half a minute's spans are no figure.
        end = now.replace(second=0, microsecond=0) - 2 * _MINUTE
        time_range = TimeRange(end - timedelta(seconds=window_s // 60 * 60), end)
        found = _whole(query, time_range)
    else:
        found = {g: c[time_range.start] for g, c in _by_span(query, time_range, window_s).items()}
    answers = [Latest(dict(group), cell.value, None) for group, cell in found.items()]
    if not answers and not query.by and query.measure in ("count", "rate", "errors"):
        return [Latest({}, 0.0, None)]
    return answers


def by_step(
    query: SpanQuery, time_range: TimeRange, step_s: int
) -> dict[Group, dict[datetime, SpanCell]]:
    """Figures by group and step. Raises UnavailableError when it takes too long."""
    if not query.rolled:
        return _by_span(query, time_range, step_s)
    steps, step, found = red.over_time(time_range, step_s, _wanted(query))
    groups: dict[Group, dict[datetime, SpanCell]] = {}
    for group, operations in _grouped(query, found).items():
        figures = red.by_step(operations)
        groups[group] = {
            at: SpanCell(figures[at].n, _value(query, figures[at], step.total_seconds()))
            for at in steps
            if at in figures
        }
    return groups


def _whole(query: SpanQuery, time_range: TimeRange) -> dict[Group, SpanCell]:
    found = red.operations(time_range, _wanted(query))
    parts: dict[Group, list[Figures]] = {}
    for operation, figures in found.items():
        parts.setdefault(_group(query, operation), []).append(figures)
    totals = {group: red.total(figures) for group, figures in parts.items()}
    return {
        group: SpanCell(total.n, _value(query, total, time_range.duration_s))
        for group, total in list(totals.items())[:MOST_GROUPS]
    }


def _wanted(query: SpanQuery) -> Wanted:
    return Wanted(query.wanted.service, query.wanted.name, query.wanted.text)


def _grouped(
    query: SpanQuery, found: dict[Operation, red.ByStep]
) -> dict[Group, dict[Operation, red.ByStep]]:
    groups: dict[Group, dict[Operation, red.ByStep]] = {}
    for operation, steps in found.items():
        group = _group(query, operation)
        if group in groups or len(groups) < MOST_GROUPS:
            groups.setdefault(group, {})[operation] = steps
    return groups


def _group(query: SpanQuery, operation: Operation) -> Group:
    shown = {SERVICE: operation.service, NAME: operation.name}
    return tuple((name, shown[name]) for name in query.by)


def _value(query: SpanQuery, figures: Figures, covered_s: float) -> float | None:
    if query.measure in _QUANTILES:
        return figures.quantile(_QUANTILES[query.measure])
    return {
        "count": float(figures.n),
        "rate": figures.n / covered_s,
        "errors": float(figures.err),
        "error_share": figures.error_share,
        "avg": figures.mean,
    }[query.measure]


def _by_span(
    query: SpanQuery, time_range: TimeRange, step_s: float
) -> dict[Group, dict[datetime, SpanCell]]:
    conditions, asked = traces.narrowed(query.wanted)
    columns = "".join(f", {_BY[name]}" for name in query.by)
    places = ", ".join(str(n) for n in range(1, len(query.by) + 2))
    more = "".join(f" AND {one}" for one in conditions)
    given: dict[str, Any] = {
        **asked, "start": time_range.start, "end": time_range.end,
        "step": timedelta(seconds=step_s), "most": MOST_GROUPS * 1500,
    }  # fmt: skip
    with bounded_cursor() as cursor:
        cursor.execute(
            _MEASURED.format(
                columns=columns, measure=_measured(query, step_s), more=more, places=places
            ),
            given,
        )
        return _cells(query, cursor.fetchall())


def _cells(
    query: SpanQuery, rows: Iterable[tuple[Any, ...]]
) -> dict[Group, dict[datetime, SpanCell]]:
    groups: dict[Group, dict[datetime, SpanCell]] = {}
    for at, *values, n, value in rows:
        group = tuple(zip(query.by, values, strict=True))
        if group in groups or len(groups) < MOST_GROUPS:
            groups.setdefault(group, {})[at] = SpanCell(n, None if value is None else float(value))
    return groups


def _measured(query: SpanQuery, step_s: float) -> str:
    """The SQL of the measure; its texts are constants of this module."""
    if query.measure in _QUANTILES:
        share = _QUANTILES[query.measure]
        return f"percentile_disc({share}) WITHIN GROUP (ORDER BY s.dur_us) / 1e6"
    return {
        "count": "count(*)::float8",
        "rate": f"count(*) / {float(step_s)!r}",
        "errors": "count(*) FILTER (WHERE s.status = 2)::float8",
        "error_share": "count(*) FILTER (WHERE s.status = 2)::float8 / count(*)",
        "avg": "avg(s.dur_us) / 1e6",
    }[query.measure]
