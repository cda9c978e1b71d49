"""The traces of one minute, whole, from the store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from apps.monitoring.bottlenecks.trace import Row, Trace

MINUTE: Final = timedelta(minutes=1)
# More than this of one minute, and a share of its traces stands for all.
MOST_SPANS: Final = 20_000
# A longer trace is read to here: what repeats shows itself long before.
MOST_OF_ONE: Final = 5_000
# Together: a trace may have few spans in this minute and thousands within the hour around it.
MOST_READ: Final = 3 * MOST_SPANS
# Spans of a trace further away from the minute than this are not looked for.
REACH: Final = timedelta(hours=1)
_AT_ONCE: Final = 500
_WHOLE: Final = 1 << 56

_IDS: Final = """
SELECT trace_id, count(*), min(ts) FROM tm_span WHERE ts >= %s AND ts < %s GROUP BY trace_id
"""
_SPANS: Final = """
SELECT s.trace_id, s.ts, s.span_id, s.parent_id, s.kind, s.dur_us, s.resource_id, r.service,
       n.value, s.status, s.attrs::text, s.events::text
FROM unnest(%s::uuid[]) AS wanted (trace_id)
CROSS JOIN LATERAL (
    SELECT * FROM tm_span WHERE trace_id = wanted.trace_id AND ts >= %s AND ts < %s LIMIT %s
) s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
LIMIT %s
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Minute:
    """What one minute holds.

    `traces` are those that began in it, `share` the part of them that was read. `earlier` holds
    the minutes in which the others began whose spans of this one came late.
    """

    traces: list[Trace]
    spans: int
    share: float
    earlier: set[datetime]


def chosen(trace_id: UUID, share: float) -> bool:
    """Whether a trace is in a consistent share: by the part of its id the W3C calls random."""
    return share >= 1 or (trace_id.int & (_WHOLE - 1)) < share * _WHOLE


def read(minute: datetime, settle: timedelta) -> Minute:
    """The traces that began in `minute`, all their spans within an hour. Bounded."""
    with connection.cursor() as cursor:
        cursor.execute(_IDS, [minute, minute + MINUTE])
        found = cursor.fetchall()
    total = sum(count for _, count, _ in found)
    share = min(1.0, MOST_SPANS / max(total, 1))
    began = {trace: first for trace, _, first in found if chosen(trace, share)}
    rows = _rows(list(began), minute)
    share *= len(rows) / len(began) if began else 1
    traces: list[Trace] = []
    earlier: set[datetime] = set()
    for trace_id, spans in rows.items():
        first = _EPOCH + min(row.start_us for row in spans) * _TICK
        if first >= minute:
            traces.append(Trace.of(trace_id, spans))
        elif began[trace_id] >= _floor(first) + MINUTE + settle:
            # Its own minute was examined before these spans existed.
            earlier.add(_floor(first))
    return Minute(traces, total, share, earlier)


def _rows(trace_ids: list[UUID], minute: datetime) -> dict[UUID, list[Row]]:
    """The spans of as many of these traces as a walk may hold."""
    found: dict[UUID, list[Row]] = {}
    bounds = (minute - REACH, minute + MINUTE + REACH, MOST_OF_ONE)
    left = MOST_READ
    for at in range(0, len(trace_ids), _AT_ONCE):
        if left <= 0:
            break
        with connection.cursor() as cursor:
            cursor.execute(_SPANS, [trace_ids[at : at + _AT_ONCE], *bounds, left])
            rows = cursor.fetchall()
        left -= len(rows)
        for row in rows:
            found.setdefault(row[0], []).append(_row(row))
    return found


def _row(row: tuple[Any, ...]) -> Row:
    _, ts, span_id, parent, kind, took, place, service, name, status, attrs, events = row
    return Row(
        (ts - _EPOCH) // _TICK, span_id, parent, kind, took, place, service, name, status,
        orjson.loads(attrs), orjson.loads(events) if events else None,
    )  # fmt: skip


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
