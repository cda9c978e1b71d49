"""Recent log records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from apps.core.timerange import TimeRange
from apps.monitoring.queries.walk import bounded_cursor, containing, newest

# The lowest number of each of OTLP's severity ranges.
LEVELS: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record; `level` is "" when its sender named none."""

    ts: datetime
    service: str
    severity: int
    level: str
    body: str
    trace_id: UUID | None
    attrs: dict[str, Any]


_LINES = """
SELECT l.ts, r.service, l.severity, l.body, l.trace_id, l.attrs::text
FROM tm_log l
JOIN tm_resource r ON r.id = l.resource_id
WHERE l.ts >= %(start)s AND l.ts < %(end)s
  AND (%(service)s::text IS NULL OR l.resource_id = ANY (
        ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s)))
  AND l.severity >= %(least)s
  AND (%(pattern)s::text IS NULL OR l.body ILIKE %(pattern)s)
  AND (%(trace)s::uuid IS NULL OR l.trace_id = %(trace)s)
ORDER BY l.ts DESC
LIMIT %(limit)s
"""


def recent(
    time_range: TimeRange,
    service: str | None = None,
    *,
    level: str = "",
    text: str = "",
    trace_id: UUID | None = None,
    limit: int = 100,
) -> list[LogLine]:
    """The newest lines at or above a level that hold a text (any case), newest first.

    Page on by ending the next range at the last line's `ts`. Raises UnavailableError when the
    search takes too long.
    """
    pattern = containing(text)

    def read(window: TimeRange, limit: int) -> list[LogLine]:
        cursor.execute(
            _LINES,
            {
                "start": window.start, "end": window.end, "service": service,
                "least": LEVELS.get(level, 0), "pattern": pattern, "trace": trace_id,
                "limit": limit,
            },
        )  # fmt: skip
        return [
            LogLine(ts, svc, severity, level_of(severity), body, trace, orjson.loads(attrs))
            for ts, svc, severity, body, trace, attrs in cursor.fetchall()
        ]

    with bounded_cursor() as cursor:
        return newest(time_range, limit, read)


def level_of(severity: int) -> str:
    """OTLP's short name of a severity number; "" for 0."""
    return next((name for name, least in reversed(LEVELS.items()) if severity >= least), "")
