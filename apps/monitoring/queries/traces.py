"""Recent traces, and the spans of one trace."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from apps.core.timerange import TimeRange
from apps.monitoring.queries.walk import bounded_cursor, containing, newest

_MOST_SPANS: Final = 2000
_ERROR: Final = 2  # OTLP's STATUS_CODE_ERROR
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True, slots=True)
class RootSpan:
    """The first span of one trace."""

    ts: datetime
    trace_id: UUID
    span_id: int
    service: str
    name: str
    kind: str
    failed: bool
    duration_us: int


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span in its place: `depth` 0 is a root (or a span whose parent is missing)."""

    ts: datetime
    span_id: int
    parent_id: int | None
    service: str
    name: str
    kind: str
    failed: bool
    duration_us: int
    attrs: dict[str, Any]
    depth: int
    offset_us: int

    @property
    def orphan(self) -> bool:
        """Whether its parent was never received."""
        return self.depth == 0 and self.parent_id is not None


@dataclass(frozen=True, slots=True)
class TraceTree:
    """All spans of a trace, depth first; `truncated` when there are more than are shown."""

    spans: list[TraceSpan]
    start: datetime
    duration_us: int
    truncated: bool


_ROOTS = """
SELECT s.ts, s.trace_id, s.span_id, r.service, n.value, s.kind, s.status, s.dur_us
FROM tm_span s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
WHERE s.parent_id IS NULL AND s.ts >= %(start)s AND s.ts < %(end)s
  AND (%(service)s::text IS NULL OR s.resource_id = ANY (
        ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s)))
  AND (NOT %(failed)s OR s.status = 2)
  AND s.dur_us >= %(least_us)s
  AND (%(pattern)s::text IS NULL OR n.value ILIKE %(pattern)s)
ORDER BY s.ts DESC, s.span_id DESC
LIMIT %(limit)s
"""
_SPANS = """
SELECT s.ts, s.span_id, s.parent_id, r.service, n.value, s.kind, s.status, s.dur_us, s.attrs::text
FROM tm_span s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
WHERE s.trace_id = %(trace)s
ORDER BY s.ts, s.span_id
LIMIT %(limit)s
"""


def recent(
    time_range: TimeRange,
    service: str | None = None,
    *,
    failed_only: bool = False,
    least_us: int = 0,
    text: str = "",
    limit: int = 50,
) -> list[RootSpan]:
    """The newest root spans whose name holds a text (any case), newest first.

    Page on by ending the next range at the last row's `ts`. Raises UnavailableError when the
    search takes too long.
    """

    def read(window: TimeRange, limit: int) -> list[RootSpan]:
        cursor.execute(
            _ROOTS,
            {
                "start": window.start, "end": window.end, "service": service,
                "failed": failed_only, "least_us": least_us, "limit": limit,
                "pattern": containing(text),
            },
        )  # fmt: skip
        return [
            RootSpan(ts, trace, span_id, sender, name, _kind(kind), status == _ERROR, took_us)
            for ts, trace, span_id, sender, name, kind, status, took_us in cursor.fetchall()
        ]

    with bounded_cursor() as cursor:
        return newest(time_range, limit, read)


def tree(trace_id: UUID) -> TraceTree | None:
    """Every span of a trace; None when nothing of it is kept."""
    with bounded_cursor() as cursor:
        cursor.execute(_SPANS, {"trace": trace_id, "limit": _MOST_SPANS + 1})
        rows = cursor.fetchall()
    if not rows:
        return None
    truncated = len(rows) > _MOST_SPANS
    rows = rows[:_MOST_SPANS]
    start = min(row[0] for row in rows)
    spans = [_span(row, depth, start) for row, depth in _depth_first(rows)]
    end_us = max(span.offset_us + span.duration_us for span in spans)
    return TraceTree(spans, start, end_us, truncated)


def _depth_first(rows: list[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], int]]:
    known = {row[1] for row in rows}
    children: dict[int | None, list[tuple[Any, ...]]] = {}
    for row in rows:
        # A span that names itself as its parent would never be reached.
        parent = row[2] if row[2] in known and row[2] != row[1] else None
        children.setdefault(parent, []).append(row)
    placed: list[tuple[tuple[Any, ...], int]] = []
    stack = [(row, 0) for row in reversed(children.get(None, []))]
    seen: set[int] = set()
    while stack:
        row, depth = stack.pop()
        placed.append((row, depth))
        if row[1] not in seen:
            seen.add(row[1])
            stack += [(child, depth + 1) for child in reversed(children.get(row[1], []))]
    # Spans that name each other as parents hang from no root; they are shown all the same.
    reached = {row[1] for row, _ in placed}
    return placed + [(row, 0) for row in rows if row[1] not in reached]


def _span(row: tuple[Any, ...], depth: int, start: datetime) -> TraceSpan:
    ts, span_id, parent, service, name, kind, status, duration, attrs = row
    offset_us = round((ts - start).total_seconds() * 1e6)
    return TraceSpan(
        ts, span_id, parent, service, name, _kind(kind), status == _ERROR, duration,
        orjson.loads(attrs), depth, offset_us,
    )  # fmt: skip


def _kind(number: int) -> str:
    return KINDS[number] if 0 <= number < len(KINDS) else ""
