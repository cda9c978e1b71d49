"""Recent traces, and the spans of one trace."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import found
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.position import TICK, Place
from apps.monitoring.queries.selftime import self_times
from apps.monitoring.queries.walk import bounded_cursor, containing

MOST_SPANS: Final = 2000
_ERROR: Final = 2  # OTLP's STATUS_CODE_ERROR
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True, slots=True)
class RootSpan:
    """The first span of one trace."""

    place: Place
    trace_id: UUID
    span_id: int
    service: str
    name: str
    kind: str
    failed: bool
    duration_us: int

    @property
    def ts(self) -> datetime:
        """When it began."""
        return self.place.ts


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces; empty means all."""

    service: str = ""
    text: str = ""
    failed: bool = False
    least_us: int = 0
    trace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span in its place: `depth` 0 is a root (or a span whose parent is missing).

    `self_us` is the time in which none of its children ran.
    """

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
    self_us: int

    @property
    def orphan(self) -> bool:
        """Whether its parent was never received."""
        return self.depth == 0 and self.parent_id is not None


@dataclass(slots=True)
class ServicePart:
    """What one service did in a trace."""

    name: str
    spans: int = 0
    failed: int = 0
    self_us: int = 0


@dataclass(frozen=True, slots=True)
class TraceTree:
    """All spans of a trace, depth first; `truncated` when there are more than are shown."""

    spans: list[TraceSpan]
    start: datetime
    duration_us: int
    truncated: bool

    @property
    def services(self) -> list[ServicePart]:
        """Every service, in the order in which they come up."""
        parts: dict[str, ServicePart] = {}
        for span in self.spans:
            part = parts.setdefault(span.service, ServicePart(span.service))
            part.spans += 1
            part.failed += span.failed
            part.self_us += span.self_us
        return list(parts.values())


_ROOTS = """
SELECT s.ts, s.ctid::text, s.trace_id, s.span_id, r.service, n.value, s.kind, s.status, s.dur_us
FROM tm_span s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
WHERE s.parent_id IS NULL AND s.ts >= %(start)s AND s.ts < %(end)s
  AND (%(service)s::text IS NULL OR s.resource_id = ANY (
        ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s)))
  AND (NOT %(failed)s OR s.status = 2)
  AND s.dur_us >= %(least_us)s
  AND (%(pattern)s::text IS NULL OR n.value ILIKE %(pattern)s)
  AND (%(trace)s::uuid IS NULL OR s.trace_id = %(trace)s)
  AND (%(after_ts)s::timestamptz IS NULL
        OR (s.ts, s.ctid) < (%(after_ts)s::timestamptz, %(after_ctid)s::tid))
ORDER BY s.ts DESC, s.ctid DESC
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


def search(
    time_range: TimeRange, wanted: TraceFilter, *, after: Place | None = None, limit: int = 50
) -> Found[RootSpan]:
    """The newest root spans whose name holds a text (any case), newest first.

    Raises UnavailableError when the search takes too long to find anything.
    """
    asked = {
        "service": wanted.service or None,
        "failed": wanted.failed,
        "least_us": wanted.least_us,
        "pattern": containing(wanted.text),
        "trace": wanted.trace_id,
        "after_ts": after.ts if after else None,
        "after_ctid": after.ctid if after else None,
    }

    def read(cursor: CursorWrapper, window: TimeRange, limit: int) -> list[RootSpan]:
        cursor.execute(_ROOTS, {**asked, "start": window.start, "end": window.end, "limit": limit})
        return [
            RootSpan(
                Place.of(ts, ctid), trace, span_id, service, name, _kind(kind), status == _ERROR, us
            )
            for ts, ctid, trace, span_id, service, name, kind, status, us in cursor.fetchall()
        ]

    return found.page(time_range, after, limit, read)


def tree(trace_id: UUID, most: int = MOST_SPANS) -> TraceTree | None:
    """The first `most` spans of a trace; None when nothing of it is kept."""
    with bounded_cursor() as cursor:
        cursor.execute(_SPANS, {"trace": trace_id, "limit": most + 1})
        rows = cursor.fetchall()
    if not rows:
        return None
    truncated = len(rows) > most
    rows = rows[:most]
    start = min(row[0] for row in rows)
    placed = _depth_first(rows)
    alone_us = self_times([(_offset_us(row, start), row[7], depth) for row, depth in placed])
    spans = [
        _span(row, depth, start, us) for (row, depth), us in zip(placed, alone_us, strict=True)
    ]
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


def _offset_us(row: tuple[Any, ...], start: datetime) -> int:
    return int((row[0] - start) // TICK)


def _span(row: tuple[Any, ...], depth: int, start: datetime, self_us: int) -> TraceSpan:
    ts, span_id, parent, service, name, kind, status, duration, attrs = row
    return TraceSpan(
        ts, span_id, parent, service, name, _kind(kind), status == _ERROR, duration,
        orjson.loads(attrs), depth, _offset_us(row, start), self_us,
    )  # fmt: skip


def _kind(number: int) -> str:
    return KINDS[number] if 0 <= number < len(KINDS) else ""
