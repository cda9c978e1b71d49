"""Exemplars: single observations of a histogram, each with the trace it belongs to.

Only those are given whose trace is still there. Within the last hours they come from the points
themselves; further back from those the roller chose (`store/exemplars.py`), whose traces are
pinned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from apps.core.timerange import TimeRange
from apps.monitoring.queries import distributions, selection
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store.rows import Kind

MOST: Final = 60
_FROM_POINTS_UP_TO: Final = timedelta(hours=6)
# Series looked at: those seen last.
_MOST_SERIES: Final = 500
_MOST_ROWS: Final = 5000
# How long a trace may have been under way when the observation was made, or go on after it.
_TRACE_MAY_LAST: Final = timedelta(hours=1)
_POINTS: Final = """
SELECT h.ts, (e ->> 'value')::float8, (e ->> 'trace_id')::uuid, e ->> 'span_id'
FROM tm_hist h, LATERAL jsonb_array_elements(h.exemplars) e
WHERE h.series_id = ANY(%(ids)s) AND h.ts >= %(low)s AND h.ts < %(high)s
    AND h.exemplars IS NOT NULL AND jsonb_typeof(e -> 'value') = 'number'
    AND e ->> 'trace_id' ~ '^[0-9a-f]{32}$'
LIMIT %(most)s"""
_CHOSEN: Final = """
SELECT ts, value, trace_id, to_hex(span_id) FROM tm_exemplar
WHERE series_id = ANY(%(ids)s) AND slot >= %(low)s - interval '10 minutes' AND slot < %(high)s
    AND ts >= %(low)s AND ts < %(high)s
LIMIT %(most)s"""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation, in the unit of its metric, and where its trace is."""

    at: datetime
    value: float
    trace_id: UUID
    span_id: str


def fits(query: SeriesQuery) -> bool:
    """Whether the chart of this query shows values of single observations."""
    return query.aggregation in (*distributions.QUANTILES, "avg", "min", "max")


def read(query: SeriesQuery, time_range: TimeRange, most: int = MOST) -> list[Exemplar]:
    """At most `most` exemplars, oldest first: the largest of each stretch of the range."""
    with selection.reader() as cursor:
        found = selection.select(
            cursor, query.metric, query.scope, query.by, time_range.start, query.where
        )
        if found is None or found.kind is not Kind.HISTOGRAM:
            return []
        wide = time_range.duration > _FROM_POINTS_UP_TO
        cursor.execute(
            _CHOSEN if wide else _POINTS,
            {
                "ids": found.ids[:_MOST_SERIES], "low": time_range.start, "high": time_range.end,
                "most": _MOST_ROWS,
            },
        )  # fmt: skip
        largest = _largest([Exemplar(*row) for row in cursor.fetchall()], time_range, most)
        there = _resolving(cursor, largest)
    return [one for one in largest if one.trace_id in there]


def _largest(rows: Sequence[Exemplar], time_range: TimeRange, most: int) -> list[Exemplar]:
    stretch = time_range.duration / most
    best: dict[int, Exemplar] = {}
    for row in rows:
        slot = int((row.at - time_range.start) / stretch)
        if slot not in best or row.value > best[slot].value:
            best[slot] = row
    return [best[slot] for slot in sorted(best)]


def _resolving(cursor: "psycopg.Cursor[Any]", rows: Sequence[Exemplar]) -> set[UUID]:
    """The traces among these that have a span in the store."""
    if not rows:
        return set()
    cursor.execute(
        "SELECT DISTINCT trace_id FROM tm_span WHERE trace_id = ANY(%s) AND ts >= %s AND ts < %s",
        [
            [row.trace_id for row in rows],
            min(row.at for row in rows) - _TRACE_MAY_LAST,
            max(row.at for row in rows) + _TRACE_MAY_LAST,
        ],
    )
    return {row[0] for row in cursor.fetchall()}
