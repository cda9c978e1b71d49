"""Log records, newest first, and one of them whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import found
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.position import Place
from apps.monitoring.queries.walk import bounded_cursor, containing

# The lowest number of each of OTLP's severity ranges.
LEVELS: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record; `level` is "" when its sender named none.

    In lists `body` is cut to 4,000 letters and `attrs` is None when they are large; `body_length`
    counts all letters.
    """

    place: Place
    service: str
    severity: int
    level: str
    body: str
    body_length: int
    trace_id: UUID | None
    span_id: int | None
    attrs: dict[str, Any] | None

    @property
    def ts(self) -> datetime:
        """When it happened."""
        return self.place.ts

    @property
    def cut(self) -> bool:
        """Whether more of it is kept than is here."""
        return self.attrs is None or self.body_length > len(self.body)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines; empty means all. `attrs` are names and texts that attributes must have."""

    service: str = ""
    level: str = ""
    text: str = ""
    trace_id: UUID | None = None
    attrs: tuple[tuple[str, str], ...] = ()


_LINES = """
SELECT l.ts, l.ctid::text, r.service, l.severity, left(l.body, 4000), length(l.body), l.trace_id,
       l.span_id, CASE WHEN octet_length(l.attrs::text) <= 8000 THEN l.attrs::text END
FROM tm_log l
JOIN tm_resource r ON r.id = l.resource_id
WHERE l.ts >= %(start)s AND l.ts < %(end)s
  AND (%(service)s::text IS NULL OR l.resource_id = ANY (
        ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s)))
  AND l.severity >= %(least)s
  AND (%(pattern)s::text IS NULL OR l.body ILIKE %(pattern)s)
  AND (%(trace)s::uuid IS NULL OR l.trace_id = %(trace)s)
  AND (cardinality(%(keys)s::text[]) = 0 OR NOT EXISTS (
        SELECT FROM unnest(%(keys)s::text[], %(values)s::text[]) AS wanted (key, value)
        WHERE l.attrs ->> wanted.key IS DISTINCT FROM wanted.value))
  AND (%(after_ts)s::timestamptz IS NULL
        OR (l.ts, l.ctid) < (%(after_ts)s::timestamptz, %(after_ctid)s::tid))
ORDER BY l.ts DESC, l.ctid DESC
LIMIT %(limit)s
"""
_LINE = """
SELECT l.ts, l.ctid::text, r.service, l.severity, l.body, length(l.body), l.trace_id, l.span_id,
       l.attrs::text
FROM tm_log l
JOIN tm_resource r ON r.id = l.resource_id
WHERE l.ts = %(ts)s AND l.ctid = %(ctid)s::tid
"""


def search(
    time_range: TimeRange, wanted: LogFilter, *, after: Place | None = None, limit: int = 100
) -> Found[LogLine]:
    """The newest lines at or above a level that hold a text (any case), newest first.

    Raises UnavailableError when the search takes too long to find anything.
    """
    asked = {
        "service": wanted.service or None,
        "least": LEVELS.get(wanted.level, 0),
        "pattern": containing(wanted.text),
        "trace": wanted.trace_id,
        "keys": [key for key, _ in wanted.attrs],
        "values": [value for _, value in wanted.attrs],
        "after_ts": after.ts if after else None,
        "after_ctid": after.ctid if after else None,
    }

    def read(cursor: CursorWrapper, window: TimeRange, limit: int) -> list[LogLine]:
        cursor.execute(_LINES, {**asked, "start": window.start, "end": window.end, "limit": limit})
        return [_line(row) for row in cursor.fetchall()]

    return found.page(time_range, after, limit, read)


def of_trace(time_range: TimeRange, trace_id: UUID, limit: int) -> list[LogLine]:
    """The last lines of one trace, oldest first."""
    return search(time_range, LogFilter(trace_id=trace_id), limit=limit).rows[::-1]


def line(place: Place) -> LogLine | None:
    """One whole line; None when it is no longer kept."""
    with bounded_cursor() as cursor:
        cursor.execute(_LINE, {"ts": place.ts, "ctid": place.ctid})
        row = cursor.fetchone()
    return _line(row) if row else None


def _line(row: tuple[Any, ...]) -> LogLine:
    ts, ctid, service, severity, body, length, trace_id, span_id, attrs = row
    return LogLine(
        Place.of(ts, ctid), service, severity, level_of(severity), body, length, trace_id, span_id,
        None if attrs is None else orjson.loads(attrs),
    )  # fmt: skip


def level_of(severity: int) -> str:
    """OTLP's short name of a severity number; "" for 0."""
    return next((name for name, least in reversed(LEVELS.items()) if severity >= least), "")
