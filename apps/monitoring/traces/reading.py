"""The spans of one trace, or of several, from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from apps.monitoring.queries.position import TICK
from apps.monitoring.queries.selftime import self_times
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.traces.criticalpath import Segment, critical_path
from apps.monitoring.traces.tree import Tree, build

# What one answer holds. Larger traces are cut, and say so.
MOST_SPANS: Final = 50_000
ERROR: Final = 2  # OTLP's STATUS_CODE_ERROR
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TraceSpan(NamedTuple):
    """One span as it is kept, without its attributes.

    `start_us` is Unix time by the sender's clock, `place` the id of its resource, `kind` and
    `status` are OTLP's numbers.
    """

    span_id: int
    parent_id: int | None
    start_us: int
    duration_us: int
    kind: int
    place: int
    service: str
    name: str
    status: int

    @property
    def failed(self) -> bool:
        """Whether it says so."""
        return self.status == ERROR


@dataclass(slots=True)
class ServicePart:
    """What one service did in a trace."""

    name: str
    spans: int = 0
    failed: int = 0
    self_us: int = 0
    critical_us: int = 0


@dataclass(frozen=True)
class Trace:
    """A trace; `truncated` when it has more spans than are here.

    `attrs` are JSON texts beside the tree's spans, or None where they were not asked for.
    """

    id: UUID
    tree: Tree[TraceSpan]
    truncated: bool = False
    attrs: list[str] | None = None

    @cached_property
    def start_us(self) -> int:
        """Unix microseconds."""
        return min(self.tree.starts_us)

    @cached_property
    def start(self) -> datetime:
        """When its first span began."""
        return _EPOCH + timedelta(microseconds=self.start_us)

    @cached_property
    def duration_us(self) -> int:
        """From the first begin to the last end."""
        return max(self.tree.stops_us) - self.start_us

    @cached_property
    def self_us(self) -> list[int]:
        """The time of each span in which none of its children ran."""
        tree = self.tree
        return self_times(
            [
                (start, stop - start, depth)
                for start, stop, depth in zip(
                    tree.starts_us, tree.stops_us, tree.depths, strict=True
                )
            ]
        )

    @cached_property
    def path(self) -> list[Segment]:
        """The critical path."""
        return critical_path(self.tree)

    @cached_property
    def critical_us(self) -> list[int]:
        """The time each span is on the critical path."""
        spent = [0] * len(self.tree)
        for segment in self.path:
            spent[segment.span] += segment.end_us - segment.start_us
        return spent

    @cached_property
    def services(self) -> list[ServicePart]:
        """Every service, in the order in which they come up."""
        parts: dict[str, ServicePart] = {}
        for i, span in enumerate(self.tree.spans):
            part = parts.setdefault(span.service, ServicePart(span.service))
            part.spans += 1
            part.failed += span.failed
            part.self_us += self.self_us[i]
            part.critical_us += self.critical_us[i]
        return list(parts.values())


@dataclass(frozen=True, slots=True)
class Details:
    """What a span says of itself; `events` and `links` as the intake keeps them."""

    attrs: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]


_COLUMNS: Final = """
SELECT s.trace_id, s.span_id, s.parent_id, (extract(epoch FROM s.ts) * 1000000)::int8, s.dur_us,
    s.kind, s.resource_id, r.service, n.value, s.status{more}
FROM tm_span s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
WHERE s.trace_id = ANY(%(traces)s::uuid[])
"""
_ONE: Final = _COLUMNS + "ORDER BY s.ts, s.span_id LIMIT %(limit)s"
_SO_FAR: Final = "OVER (ORDER BY s.ts, s.span_id ROWS UNBOUNDED PRECEDING)"
_ATTRS: Final = (
    f", CASE WHEN sum(length(s.attrs::text)) {_SO_FAR} <= %(letters)s THEN s.attrs::text END"
)
# Constants of this module alone.
_DETAILS: Final = f"""
SELECT span_id, attrs, events, links FROM (
    SELECT s.ts, s.span_id, s.attrs::text AS attrs, s.events::text AS events,
        s.links::text AS links, sum(length(s.attrs::text) + coalesce(length(s.events::text), 0)
            + coalesce(length(s.links::text), 0)) {_SO_FAR} AS letters
    FROM tm_span s
    WHERE s.trace_id = %(trace)s
      AND (%(spans)s::int8[] IS NULL OR s.span_id = ANY(%(spans)s::int8[]))
    ORDER BY s.ts, s.span_id
    LIMIT %(limit)s
) counted WHERE letters <= %(letters)s
"""  # noqa: S608
# One span may hold megabytes: fifty thousand of them must not come at once.
MOST_LETTERS: Final = 48 << 20


def read(trace_id: UUID, most: int = MOST_SPANS, *, with_attrs: bool = False) -> Trace | None:
    """The first `most` spans of a trace; None when nothing of it is kept.

    With attributes fewer of them, where those would not fit into memory. Raises UnavailableError
    when reading takes too long.
    """
    asked: dict[str, Any] = {
        "traces": [trace_id], "limit": most + 1, "letters": MOST_LETTERS
    }  # fmt: skip
    with bounded_cursor() as cursor:
        cursor.execute(_ONE.format(more=_ATTRS if with_attrs else ""), asked)
        rows = cursor.fetchall()
    if not rows:
        return None
    fit = [row for row in rows[:most] if row[-1] is not None]
    spans = [TraceSpan(*row[1:10]) for row in fit]
    tree = build(spans)
    attrs = None
    if with_attrs:
        # By identity: spans may come twice.
        texts = {id(span): row[10] for span, row in zip(spans, fit, strict=True)}
        attrs = [texts[id(span)] for span in tree.spans]
    return Trace(trace_id, tree, truncated=len(rows) > len(spans), attrs=attrs)


def read_many(trace_ids: Sequence[UUID], most: int = MOST_SPANS) -> list[Trace]:
    """Several traces, each whole, as long as all their spans together are no more than `most`.

    Raises UnavailableError when reading takes too long.
    """
    with bounded_cursor() as cursor:
        cursor.execute(
            (_COLUMNS + "LIMIT %(limit)s").format(more=""),
            {"traces": list(trace_ids), "limit": most + 1},
        )
        rows = cursor.fetchall()
    if len(rows) > most:
        half = len(trace_ids) // 2
        return read_many(trace_ids[:half], most) if half else []
    spans: dict[UUID, list[TraceSpan]] = {}
    for row in rows:
        spans.setdefault(row[0], []).append(TraceSpan(*row[1:]))
    return [Trace(one, build(spans[one])) for one in trace_ids if one in spans]


def details(
    trace_id: UUID, span_ids: Sequence[int] | None = None, most: int = MOST_SPANS
) -> dict[int, Details]:
    """Attributes, events and links of spans by their id; of all when none are named.

    Only of the first ones, where all would not fit into memory. Raises UnavailableError when
    reading takes too long.
    """
    asked = {
        "trace": trace_id,
        "spans": None if span_ids is None else list(span_ids),
        "limit": most,
        "letters": MOST_LETTERS,
    }
    with bounded_cursor() as cursor:
        cursor.execute(_DETAILS, asked)
        rows = cursor.fetchall()
    return {
        span_id: Details(orjson.loads(attrs), _list(events), _list(links))
        for span_id, attrs, events, links in rows
    }


def resources(ids: set[int]) -> dict[int, dict[str, Any]]:
    """The attributes of resources by their id."""
    with bounded_cursor() as cursor:
        cursor.execute(
            "SELECT id, attrs::text FROM tm_resource WHERE id = ANY(%s::int[])", [sorted(ids)]
        )
        return {key: orjson.loads(attrs) for key, attrs in cursor.fetchall()}


def kind_name(kind: int) -> str:
    """In words; empty where it was not said."""
    return KINDS[kind] if 0 <= kind < len(KINDS) else ""


def moment(us: int) -> datetime:
    """The time of Unix microseconds."""
    return _EPOCH + us * TICK


def _list(text: str | None) -> list[dict[str, Any]]:
    return orjson.loads(text) if text else []
