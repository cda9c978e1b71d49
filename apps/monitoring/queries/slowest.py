"""Traces that show what an operation does: the exemplars kept beside its figures."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from apps.core.timerange import TimeRange
from apps.monitoring.queries import redplan
from apps.monitoring.queries.operations import Wanted, matching
from apps.monitoring.queries.selection import reader
from apps.monitoring.store.ranges import between

# So many stretches of the range have a point of each kind.
_STRETCHES: Final = 40
_MOST_BUCKETS: Final = 5000


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One span of an operation whose trace is still kept."""

    at: datetime
    duration_s: float
    trace_id: UUID
    failed: bool


def exemplars(time_range: TimeRange, wanted: Wanted) -> list[Exemplar]:
    """The slowest, and the slowest failure, of each fortieth of the range; oldest first.

    Those whose trace is gone are left out: a point that leads nowhere is worse than none.
    """
    with reader() as cursor:
        chosen = _spread(_read(cursor, time_range, wanted), time_range)
        kept = _kept(cursor, chosen)
    return sorted((one for one in chosen if one.trace_id in kept), key=lambda one: one.at)


def _read(
    cursor: "psycopg.Cursor[tuple[object, ...]]", time_range: TimeRange, wanted: Wanted
) -> list[Exemplar]:
    plan = redplan.steps(cursor, time_range, 60)
    if not plan.tables:
        return []
    rows = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT p.exemplars FROM {} p JOIN tm_resource r ON r.id = p.resource_id"
            " JOIN tm_name n ON n.id = p.name_id WHERE {} AND {}"
        ).format(sql.Identifier(table), between("bucket", ranges), matching(wanted, None))
        for table, ranges in plan.tables
    )
    cursor.execute(sql.SQL("{} LIMIT {}").format(rows, sql.Literal(_MOST_BUCKETS)))
    return [
        _exemplar(told)
        for (cell,) in cursor.fetchall()
        for told in (cell if isinstance(cell, list) else [])
    ]


def _exemplar(told: dict[str, object]) -> Exemplar:
    return Exemplar(
        datetime.fromtimestamp(int(str(told["time_ns"])) / 1e9, UTC),
        float(str(told["value"])),
        UUID(hex=str(told["trace_id"])),
        bool(told["failed"]),
    )


def _spread(found: list[Exemplar], time_range: TimeRange) -> list[Exemplar]:
    width = max(time_range.duration / _STRETCHES, timedelta(seconds=1))
    slowest: dict[tuple[int, bool], Exemplar] = {}
    for one in found:
        key = ((one.at - time_range.start) // width, one.failed)
        if key not in slowest or one.duration_s > slowest[key].duration_s:
            slowest[key] = one
    return list(slowest.values())


def _kept(cursor: "psycopg.Cursor[tuple[object, ...]]", chosen: list[Exemplar]) -> set[object]:
    if not chosen:
        return set()
    cursor.execute(
        "SELECT t.id FROM unnest(%s::uuid[]) AS t(id)"
        " WHERE EXISTS (SELECT 1 FROM tm_span s WHERE s.trace_id = t.id)",
        [[one.trace_id for one in chosen]],
    )
    return {row[0] for row in cursor.fetchall()}
