"""The edges of the service map, folded from spans: who asked whom, how often, how it went.

A call between services is the span with which the callee was asked; its caller is the resource of
the span's parent. What answers without spans of its own (databases, queues, other hosts) is known
from the caller's span alone: by its attributes, and for hosts only when no callee's span is there.
A message is two edges, into its queue and out of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql

from apps.monitoring.store import days, histograms
from apps.monitoring.store.histograms import Buckets, State
from apps.monitoring.store.ranges import between
from apps.monitoring.store.red import EVERY, borders

OUTSIDE, SERVICE, DATABASE, QUEUE, HOST = range(5)
OTHER: Final = "_OTHER"
COLUMNS: Final = (
    "bucket", "src_kind", "src", "dst_kind", "dst", "n", "err", "traces", "sum", "min", "max",
    "zero", "pos_off", "pos",
)  # fmt: skip
# Callees of one caller in one bucket; beyond it they are one, so that sums stay right.
MOST_CALLEES: Final = 100
# The kind of journal row that asks for one more fold of a minute, and for nothing after it.
AGAIN: Final = 18
_LOWEST: Final = -32 * 20  # the bucket of the first of `borders()`
_MICROSECONDS: Final = 1e6
# How long before its callee a caller may have begun and still be looked for.
_CALLER_BEFORE: Final = timedelta(hours=26)

_FAILED: Final = (
    "(status = 2 OR (kind = 2 AND coalesce(attrs->>'http.response.status_code',"
    " attrs->>'http.status_code') LIKE '5__'))"
)
# Old names of the semantic conventions count as the new ones.
_QUEUE: Final = (
    "coalesce(attrs->>'messaging.destination.name', attrs->>'messaging.destination',"
    " attrs->>'celery.queue.name')"
)
_DATABASE: Final = (
    "CASE WHEN attrs ? 'cache.alias' THEN 'cache ' || (attrs->>'cache.alias')"
    " WHEN coalesce(attrs->>'db.system.name', attrs->>'db.system') IS NOT NULL THEN"
    " concat_ws(' ', coalesce(attrs->>'db.system.name', attrs->>'db.system'),"
    " coalesce(attrs->>'db.namespace', attrs->>'db.name')) END"
)
_HOST: Final = (
    "coalesce(attrs->>'peer.service', attrs->>'server.address', attrs->>'net.peer.name',"
    " attrs->>'net.sock.peer.addr')"
)
# Only constants of this module are put in here.
_CALLS: Final = f"""
WITH entry AS MATERIALIZED (
    SELECT date_bin({{width}}, ts, {{epoch}}) AS bucket, trace_id, parent_id, resource_id, dur_us,
        {_FAILED} AS failed, CASE WHEN kind = 5 THEN {_QUEUE} END AS queue
    FROM tm_span WHERE {{spans}} AND (kind IN (2, 5) OR parent_id IS NULL) {{only}}
), caller AS (
    SELECT DISTINCT ON (trace_id, span_id) trace_id, span_id, resource_id FROM tm_span
    WHERE ts >= {{low}} AND ts < {{high}}
      AND trace_id IN (SELECT trace_id FROM entry WHERE parent_id IS NOT NULL)
    ORDER BY trace_id, span_id
), inward AS (
    SELECT e.bucket, e.trace_id, e.dur_us, e.failed,
        CASE WHEN e.queue IS NOT NULL THEN 3 WHEN s.service IS NOT NULL THEN 1 ELSE 0 END::int2
            AS src_kind,
        coalesce(e.queue, s.service, '') AS src, 1::int2 AS dst_kind, d.service AS dst
    FROM entry e JOIN tm_resource d ON d.id = e.resource_id
    LEFT JOIN caller c ON c.trace_id = e.trace_id AND c.span_id = e.parent_id
    LEFT JOIN tm_resource s ON s.id = c.resource_id
), outward AS (
    SELECT date_bin({{width}}, ts, {{epoch}}) AS bucket, trace_id, span_id, resource_id, dur_us,
        kind, {_FAILED} AS failed, {_HOST} AS host,
        CASE WHEN kind = 4 THEN {_QUEUE} ELSE {_DATABASE} END AS own
    FROM tm_span WHERE {{spans}} AND kind IN (3, 4) {{only}}
), calls AS MATERIALIZED (
    SELECT bucket, trace_id, dur_us, failed, src_kind, src, dst_kind, dst FROM inward
    UNION ALL
    SELECT bucket, trace_id, dur_us, failed, 1::int2, s.service,
        CASE WHEN own IS NULL THEN 4 WHEN kind = 4 THEN 3 ELSE 2 END::int2, coalesce(own, host)
    FROM outward o JOIN tm_resource s ON s.id = o.resource_id
    WHERE coalesce(own, host) IS NOT NULL AND (own IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM tm_span a WHERE a.trace_id = o.trace_id AND a.parent_id = o.span_id
          AND a.kind IN (2, 5) AND a.ts >= {{low}}))
)
SELECT bucket, src_kind, left(src, 200), dst_kind, left(dst, 200), grouping(place) = 1,
    failed, place, count(*), sum(dur_us)::int8, min(dur_us), max(dur_us), count(DISTINCT trace_id)
FROM (SELECT *, CASE WHEN dur_us > 0
    THEN width_bucket(dur_us, {{borders}}::int8[]) - 1 + {{lowest}} END AS place FROM calls) placed
GROUP BY GROUPING SETS ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5, failed, place))
"""  # noqa: S608
# Callers that were still running when their minute ended have callees in later minutes. Those were
# folded without them when they came late.
_LATER: Final = """
INSERT INTO tm_dirty (kind, bucket)
SELECT DISTINCT {again}::int2, date_bin({width}, callee.ts, {epoch})
FROM (SELECT ts, dur_us, trace_id, span_id FROM tm_span WHERE {spans}) caller
JOIN tm_span callee ON callee.trace_id = caller.trace_id AND callee.parent_id = caller.span_id
WHERE callee.kind IN (2, 5) AND callee.ts >= {low} AND callee.ts < {until}
  AND caller.ts + caller.dur_us * interval '1 microsecond'
      >= date_bin({width}, caller.ts, {epoch}) + {width}
  AND callee.ts >= date_bin({width}, caller.ts, {epoch}) + {width}
"""


@dataclass(eq=False)
class Edge:
    """What one caller asked of one callee in one bucket; `state` holds durations in seconds."""

    bucket: datetime
    src_kind: int
    src: str
    dst_kind: int
    dst: str
    err: int = 0
    traces: int = 0
    state: State = field(default_factory=State)

    @property
    def ends(self) -> tuple[int, str, int, str]:
        """Between whom."""
        return self.src_kind, self.src, self.dst_kind, self.dst

    def row(self) -> tuple[Any, ...]:
        """As a row of COLUMNS."""
        s = self.state
        return (
            self.bucket, *self.ends, s.count, self.err, self.traces, s.sum, s.min, s.max, s.zero,
            s.positive.offset, s.positive.counts.tolist(),
        )  # fmt: skip


def roll(
    cursor: "psycopg.Cursor[Any]",
    source: str,
    target: str,
    spans: list[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
) -> int:
    """Fold `source` over `spans` into `target`; how many rows were written."""
    if source == "tm_span":
        edges = from_spans(cursor, spans, width, epoch)
    else:
        edges = fold(_stored(cursor, source, spans), width, epoch)
    _write(cursor, target, spans, edges)
    return len(edges)


def add(
    cursor: "psycopg.Cursor[Any]",
    target: str,
    spans: list[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
) -> int:
    """Add the calls that came late to buckets whose day was replaced; how many rows were written.

    A caller or callee that was not kept is not found.
    """
    fresh = from_spans(cursor, spans, width, epoch, days.late(days.IN_EDGES))
    days.mark(cursor, days.IN_EDGES, spans)
    if not fresh:
        return 0
    edges = fold([*_stored(cursor, target, spans), *fresh], width, epoch)
    _write(cursor, target, spans, edges)
    return len(edges)


def _stored(
    cursor: "psycopg.Cursor[Any]", table: str, spans: list[tuple[datetime, datetime]]
) -> list[Edge]:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    cursor.execute(
        sql.SQL("SELECT {} FROM {} WHERE {}").format(
            names, sql.Identifier(table), between("bucket", spans)
        )
    )
    return [from_row(row) for row in cursor]


def _write(
    cursor: "psycopg.Cursor[Any]",
    target: str,
    spans: list[tuple[datetime, datetime]],
    edges: Sequence[Edge],
) -> None:
    """These rows in place of all there are in the ranges."""
    table = sql.Identifier(target)
    cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table, between("bucket", spans)))
    if edges:
        cursor.executemany(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                table,
                sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
                sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS)),
            ),
            [edge.row() for edge in edges],
        )


def mark_later(
    cursor: "psycopg.Cursor[Any]",
    spans: list[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
    now: datetime,
) -> None:
    """Ask for one more fold of the minutes whose callees have a caller in `spans`."""
    cursor.execute(
        sql.SQL(_LATER).format(
            again=sql.Literal(AGAIN),
            width=sql.Literal(width),
            epoch=sql.Literal(epoch),
            spans=between("ts", spans),
            low=sql.Literal(min(start for start, _ in spans)),
            until=sql.Literal(now),
        )
    )


def from_spans(
    cursor: "psycopg.Cursor[Any]",
    spans: Sequence[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
    only: sql.Composable = EVERY,
) -> list[Edge]:
    """The calls of these ranges by bucket and ends. `only` narrows what is counted: AND …"""
    low = min(start for start, _ in spans) - _CALLER_BEFORE
    cursor.execute(
        sql.SQL(_CALLS).format(
            width=sql.Literal(width),
            epoch=sql.Literal(epoch),
            spans=between("ts", spans),
            only=only,
            low=sql.Literal(low),
            high=sql.Literal(max(end for _, end in spans) + width),
            borders=sql.Literal(borders()),
            lowest=sql.Literal(_LOWEST),
        )
    )
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in cursor:
        found.setdefault(row[:5], []).append(row[5:])
    return _bounded([_edge(key, cells) for key, cells in found.items()])


def _edge(key: tuple[Any, ...], cells: list[tuple[Any, ...]]) -> Edge:
    """One edge from its groups: the one over all of it, and those of each bucket of durations."""
    edge = Edge(*key)
    places: dict[int, int] = {}
    for whole, failed, place, n, total, low, high, traces in cells:
        if whole:
            edge.traces = traces
            edge.state = State(n, total / _MICROSECONDS, low / _MICROSECONDS, high / _MICROSECONDS)
            continue
        edge.err += n if failed else 0
        if place is not None:
            places[place] = places.get(place, 0) + n
    offset = min(places, default=0)
    counts = np.zeros(max(places, default=offset - 1) - offset + 1, np.int64)
    for place, n in places.items():
        counts[place - offset] = n
    edge.state.positive = Buckets(offset, counts)
    edge.state.zero = edge.state.count - int(counts.sum())
    return edge


def _bounded(edges: list[Edge]) -> list[Edge]:
    """At most MOST_CALLEES callees (and callers) of one end; the rarest of more become OTHER."""
    callees: dict[tuple[Any, ...], list[Edge]] = {}
    for edge in edges:
        callees.setdefault((edge.bucket, edge.src_kind, edge.src), []).append(edge)
    kept: dict[tuple[Any, ...], list[Edge]] = {}
    for group in callees.values():
        group.sort(key=lambda edge: -edge.state.count)
        for rank, edge in enumerate(group):
            if rank >= MOST_CALLEES:
                edge.dst = OTHER
            kept.setdefault((edge.bucket, *edge.ends), []).append(edge)
    return [merged(parts) for parts in kept.values()]


def merged(parts: Sequence[Edge]) -> Edge:
    """Parts between the same ends as one, in the bucket of the first."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Edge(
        first.bucket, *first.ends, sum(p.err for p in parts), sum(p.traces for p in parts),
        histograms.merge(p.state for p in parts),
    )  # fmt: skip


def fold(edges: Iterable[Edge], width: timedelta, epoch: datetime) -> list[Edge]:
    """Buckets folded into larger ones of `width`. A trace in two buckets counts in both."""
    groups: dict[tuple[Any, ...], list[Edge]] = {}
    for edge in edges:
        edge.bucket -= (edge.bucket - epoch) % width
        groups.setdefault((edge.bucket, *edge.ends), []).append(edge)
    return [merged(parts) for parts in groups.values()]


def from_row(row: Sequence[Any]) -> Edge:
    """A row of COLUMNS, read with `fold.ArrayLoader`."""
    bucket, src_kind, src, dst_kind, dst, n, err, traces, total, low, high, zero, offset, pos = row
    return Edge(
        bucket, src_kind, src, dst_kind, dst, err, traces,
        State(n, total, low, high, zero=zero, positive=Buckets(offset, pos)),
    )  # fmt: skip
