"""RED by operation: rate, errors and duration of what entered each service.

An operation is a service's span name and kind. Every read merges histograms; no percentile is ever
averaged. Durations are seconds. What was committed a moment ago is in the answer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.core.timerange import TimeRange
from apps.monitoring.queries import buckets, redplan, redtail
from apps.monitoring.queries.operations import (
    MOST_OPERATIONS,
    Figures,
    Operation,
    Wanted,
    matching,
)
from apps.monitoring.queries.redplan import Plan
from apps.monitoring.queries.selection import reader
from apps.monitoring.store import histograms
from apps.monitoring.store.ranges import between
from apps.monitoring.store.red import CLASSES

__all__ = ["Figures", "Operation", "Wanted", "by_step", "operations", "over_time", "total"]

ByStep = dict[datetime, Figures]


def operations(
    time_range: TimeRange, wanted: Wanted | None = None, *,
    only: Sequence[Operation] | None = None, durations: bool = True,
) -> dict[Operation, Figures]:  # fmt: skip
    """The busiest 2000 operations of a range. Without `durations` no percentile can be asked."""
    with reader() as cursor:
        plan = redplan.whole(cursor, time_range)
        found = _read(cursor, plan, wanted or Wanted(), only=only, durations=durations)
    return {operation: figures[plan.start] for operation, figures in found.items()}


def over_time(
    time_range: TimeRange, step_s: int, wanted: Wanted, only: Sequence[Operation] | None = None
) -> tuple[list[datetime], timedelta, dict[Operation, ByStep]]:
    """Every step of the range, its length, and the figures of the steps in which something was."""
    with reader() as cursor:
        plan = redplan.steps(cursor, time_range, step_s)
        found = _read(cursor, plan, wanted, only=only)
    return plan.steps, plan.step, found


def by_step(found: dict[Operation, ByStep]) -> ByStep:
    """All operations as one."""
    parts: dict[datetime, list[Figures]] = {}
    for steps in found.values():
        for at, figures in steps.items():
            parts.setdefault(at, []).append(figures)
    return {at: total(figures) for at, figures in parts.items()}


def total(figures: Iterable[Figures]) -> Figures:
    """All as one."""
    parts = list(figures)
    return Figures(
        sum(part.n for part in parts),
        sum(part.err for part in parts),
        [sum(column) for column in zip(*(part.classes for part in parts), strict=True)]
        or [0] * len(CLASSES),
        sum(part.sum for part in parts),
        max((part.max for part in parts), default=0.0),
        histograms.merge(part.state for part in parts),
    )


def _read(
    cursor: "psycopg.Cursor[Any]", plan: Plan, wanted: Wanted, *,
    only: Sequence[Operation] | None = None, durations: bool = True,
) -> dict[Operation, ByStep]:  # fmt: skip
    found = _counts(cursor, plan, wanted, only) if plan.tables else {}
    if durations and found:
        _add_durations(cursor, plan, found)
    for operation, step, figures in redtail.read(cursor, plan, wanted, only):
        found.setdefault(operation, {}).setdefault(step, Figures()).add(figures)
    return found


_COUNTS: Final = """
SELECT r.service, n.value, p.kind, {step} AS step, sum(n)::int8, sum(err)::int8,
    ARRAY[{classes}]::int8[], sum(sum), max(max)
FROM ({rows}) p JOIN tm_resource r ON r.id = p.resource_id JOIN tm_name n ON n.id = p.name_id
WHERE {wanted}
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT {most}
"""


def _counts(
    cursor: "psycopg.Cursor[Any]", plan: Plan, wanted: Wanted, only: Sequence[Operation] | None
) -> dict[Operation, ByStep]:
    cursor.execute(
        sql.SQL(_COUNTS).format(
            step=_step(plan, "bucket"),
            classes=sql.SQL(", ").join(
                sql.SQL("sum({})").format(sql.Identifier(name)) for name in CLASSES
            ),
            rows=_rows(plan, sql.SQL("*")),
            wanted=matching(wanted, only),
            most=sql.Literal(MOST_OPERATIONS * len(plan.steps)),
        )
    )
    found: dict[Operation, ByStep] = {}
    for service, name, kind, step, n, err, classes, seconds, longest in cursor.fetchall():
        steps = found.setdefault(Operation(service, name, kind), {})
        steps[step] = Figures(n, err, [int(c) for c in classes], seconds, longest)
    if len(found) <= MOST_OPERATIONS:
        return found
    busiest = sorted(found, key=lambda op: -sum(f.n for f in found[op].values()))
    return {operation: found[operation] for operation in busiest[:MOST_OPERATIONS]}


def _add_durations(
    cursor: "psycopg.Cursor[Any]", plan: Plan, found: dict[Operation, ByStep]
) -> None:
    known = list(found)
    numbered = sql.SQL(
        "SELECT g.id::int AS series_id, p.bucket AS at, p.n, sum, min, max, scale, zero, pos_off,"
        " pos, neg_off, neg, bounds FROM ({rows}) p"
        " JOIN tm_resource r ON r.id = p.resource_id JOIN tm_name n ON n.id = p.name_id"
        " JOIN unnest({services}::text[], {names}::text[], {kinds}::int2[], %(ids)s::int[])"
        " AS g(service, name, kind, id)"
        " ON g.service = r.service AND g.name = n.value AND g.kind = p.kind"
    ).format(
        rows=_rows(plan, sql.SQL("*")),
        services=sql.Literal([operation.service for operation in known]),
        names=sql.Literal([operation.name for operation in known]),
        kinds=sql.Literal([operation.kind for operation in known]),
    )
    ids = range(len(known))
    for merged in buckets.read(cursor, numbered, ids, ids, plan.start, plan.step):
        steps = found[known[merged.group]]
        at = plan.start + merged.step * plan.step
        if at in steps:
            steps[at].state = histograms.merge([steps[at].state, merged.state])


def _step(plan: Plan, column: str) -> sql.Composed:
    return sql.SQL("date_bin({}, {}, {})").format(
        sql.Literal(plan.step), sql.Identifier(column), sql.Literal(plan.start)
    )


def _rows(plan: Plan, columns: sql.SQL) -> sql.Composable:
    return sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(
            columns, sql.Identifier(table), between("bucket", ranges)
        )
        for table, ranges in plan.tables
    )
