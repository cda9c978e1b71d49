"""RED (rate, errors, duration) of operations, folded from the spans that entered a service.

An operation is a service's span name and kind. A span counts when it is a server or a consumer, or
when it began its trace: every request once, whatever happened inside it. Durations are seconds, in
scale-5 buckets found exactly from whole microseconds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import psycopg
from psycopg import sql

from apps.monitoring.store import days, histograms
from apps.monitoring.store.histograms import Buckets, State
from apps.monitoring.store.ranges import between

# Beyond so many names of one resource in one minute, names are data (an id in each): what is left
# shares one operation, so that sums stay right.
MOST_OPERATIONS: Final = 500
OTHER: Final = "_OTHER"
CLASSES: Final = ("http_1xx", "http_2xx", "http_3xx", "http_4xx", "http_5xx")
COLUMNS: Final = (
    "resource_id", "name_id", "kind", "bucket", "n", "err", *CLASSES, "sum", "min", "max",
    "scale", "zero", "pos_off", "pos", "exemplars",
)  # fmt: skip
EVERY: Final = sql.SQL("")
_MOST_EXEMPLARS: Final = 3
_LOWEST: Final = -32 * 20  # one bucket below a microsecond
_HIGHEST: Final = 32 * 24  # half a year
_MICROSECONDS: Final = 1e6


@cache
def borders() -> list[int]:
    """For each bucket from _LOWEST up, the least whole microsecond above its lower border.

    Compared as whole numbers, a duration lands in the bucket the border formula gives it.
    """
    exact = []
    for index in range(_LOWEST, _HIGHEST):
        octave, step = divmod(index, 32)
        # Only whole octaves can meet a whole microsecond, and those powers of two are exact.
        top = math.ldexp(2.0 ** (step / 32) * _MICROSECONDS, octave)
        exact.append(math.floor(top) + 1)
    return exact


_ENTRIES: Final = """
WITH entry AS MATERIALIZED (
    SELECT date_bin({width}, ts, {epoch}) AS bucket, resource_id, name_id, kind, dur_us, trace_id,
        span_id, ts, status = 2 AS failed,
        coalesce(attrs->>'http.response.status_code', attrs->>'http.status_code') AS http
    FROM tm_span
    WHERE {spans} AND (kind IN (2, 5) OR parent_id IS NULL) {only}
), busy AS (
    SELECT bucket, resource_id, name_id, row_number() OVER (
        PARTITION BY bucket, resource_id ORDER BY count(*) DESC, name_id) <= {most} AS own
    FROM entry GROUP BY bucket, resource_id, name_id
), classed AS (
    SELECT e.bucket, e.resource_id, CASE WHEN own THEN e.name_id ELSE {other} END AS name_id,
        kind, dur_us, trace_id, span_id, ts,
        CASE WHEN http ~ '^[1-5][0-9][0-9]$' THEN left(http, 1)::int ELSE 0 END AS class, failed,
        CASE WHEN dur_us = 0 THEN NULL
            ELSE width_bucket(dur_us, {borders}::int8[]) - 1 + {lowest} END AS place
    FROM entry e JOIN busy b
        ON b.bucket = e.bucket AND b.resource_id = e.resource_id AND b.name_id = e.name_id
)
SELECT resource_id, name_id, kind, bucket, class, failed OR (kind = 2 AND class = 5) AS err, place,
    count(*), sum(dur_us)::int8, min(dur_us), max(dur_us),
    (array_agg(trace_id))[1], (array_agg(span_id))[1], (array_agg(ts))[1], (array_agg(dur_us))[1]
FROM classed GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4
"""


@dataclass(eq=False)
class Red:
    """What one operation of one resource did in one bucket."""

    resource_id: int
    name_id: int
    kind: int
    bucket: datetime
    err: int = 0
    classes: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    state: State = field(default_factory=State)
    exemplars: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, int, int]:
        """The operation of one resource."""
        return self.resource_id, self.name_id, self.kind

    def row(self) -> tuple[Any, ...]:
        """As a row of COLUMNS."""
        s = self.state
        return (
            *self.key, self.bucket, s.count, self.err, *self.classes, s.sum, s.min, s.max, s.scale,
            s.zero, s.positive.offset, s.positive.counts.tolist(),
            orjson.dumps(self.exemplars).decode() if self.exemplars else None,
        )  # fmt: skip


def from_spans(
    cursor: "psycopg.Cursor[Any]",
    spans: Sequence[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
    only: sql.Composable = EVERY,
) -> list[Red]:
    """What entered in these ranges, by operation and bucket of `width`. `only` narrows: AND …"""
    cursor.execute(
        sql.SQL(_ENTRIES).format(
            width=sql.Literal(width),
            epoch=sql.Literal(epoch),
            spans=between("ts", spans),
            only=only,
            most=sql.Literal(MOST_OPERATIONS),
            other=sql.Literal(_other(cursor)),
            borders=sql.Literal(borders()),
            lowest=sql.Literal(_LOWEST),
        )
    )
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in cursor:
        found.setdefault(row[:4], []).append(row[4:])
    return [_red(key, cells) for key, cells in found.items()]


def _other(cursor: "psycopg.Cursor[Any]") -> int:
    """The id of the name for all the rest; 0 (no name) where it is read-only and not there yet."""
    cursor.execute("SELECT id FROM tm_name WHERE value = %s", [OTHER])
    row = cursor.fetchone()
    return row[0] if row else 0


def intern_other(cursor: "psycopg.Cursor[Any]") -> None:
    """Give OTHER its id."""
    cursor.execute(
        "INSERT INTO tm_name (value) VALUES (%s) ON CONFLICT DO NOTHING",
        [OTHER],
    )


def _red(key: tuple[Any, ...], cells: list[tuple[Any, ...]]) -> Red:
    """One bucket of one operation from its groups (class, err, place, count, …)."""
    red = Red(*key)
    places: dict[int, int] = {}
    for class_, err, place, n, *_ in cells:
        red.err += n if err else 0
        if class_:
            red.classes[class_ - 1] += n
        if place is not None:
            places[place] = places.get(place, 0) + n
    offset = min(places, default=0)
    counts = np.zeros(max(places, default=offset - 1) - offset + 1, np.int64)
    for place, n in places.items():
        counts[place - offset] = n
    total = sum(cell[3] for cell in cells)
    red.state = State(
        total,
        sum(cell[4] for cell in cells) / _MICROSECONDS,
        min(cell[5] for cell in cells) / _MICROSECONDS,
        max(cell[6] for cell in cells) / _MICROSECONDS,
        zero=total - int(counts.sum()),
        positive=Buckets(offset, counts),
    )
    red.exemplars = _chosen([_exemplar(cell) for cell in cells])
    return red


def _exemplar(cell: tuple[Any, ...]) -> dict[str, Any]:
    trace_id, span_id, ts, dur_us = cell[7:11]
    return {
        "time_ns": int(ts.timestamp() * 1e6) * 1000,
        "value": dur_us / _MICROSECONDS,
        "trace_id": trace_id.hex,
        "span_id": f"{span_id & (2**64 - 1):016x}",
        "failed": cell[1],
    }


def _chosen(exemplars: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slowest, the slowest that failed, and one from the middle."""
    ordered = sorted(exemplars, key=lambda one: (one["value"], one["trace_id"]))
    failed = [one for one in ordered if one["failed"]]
    chosen = [ordered[-1], *failed[-1:], ordered[len(ordered) // 2]] if ordered else []
    unique = {one["trace_id"]: one for one in chosen}
    return list(unique.values())[:_MOST_EXEMPLARS]


def fold(reds: Iterable[Red], width: timedelta, epoch: datetime) -> list[Red]:
    """Buckets folded into larger ones of `width`; nothing is averaged, all is added."""
    groups: dict[tuple[Any, ...], list[Red]] = {}
    for red in reds:
        bucket = red.bucket - (red.bucket - epoch) % width
        groups.setdefault((*red.key, bucket), []).append(red)
    return [merged(key, parts) for key, parts in groups.items()]


def merged(key: tuple[Any, ...], parts: Sequence[Red]) -> Red:
    """Parts as one, under (resource, name, kind, bucket)."""
    whole = Red(*key)
    whole.err = sum(part.err for part in parts)
    whole.classes = [sum(column) for column in zip(*(p.classes for p in parts), strict=True)]
    whole.state = histograms.merge(part.state for part in parts)
    whole.exemplars = _chosen([one for part in parts for one in part.exemplars])
    return whole


def from_row(row: Sequence[Any]) -> Red:
    """A row of COLUMNS, read with `fold.ArrayLoader`."""
    resource_id, name_id, kind, bucket, n, err, *rest = row
    total, low, high, scale, zero, offset, counts, exemplars = rest[len(CLASSES) :]
    return Red(
        resource_id, name_id, kind, bucket, err, list(rest[: len(CLASSES)]),
        State(n, total, low, high, scale, zero, Buckets(offset, counts)), exemplars or [],
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
        intern_other(cursor)
        reds = from_spans(cursor, spans, width, epoch)
    else:
        reds = fold(_stored(cursor, source, spans), width, epoch)
    # What no longer has a span behind it would stay for ever.
    _write(cursor, target, spans, reds)
    return len(reds)


def add(
    cursor: "psycopg.Cursor[Any]",
    target: str,
    spans: list[tuple[datetime, datetime]],
    width: timedelta,
    epoch: datetime,
) -> int:
    """Add what came late to buckets whose day was replaced; how many rows were written."""
    intern_other(cursor)
    fresh = from_spans(cursor, spans, width, epoch, days.late(days.IN_RED))
    days.mark(cursor, days.IN_RED, spans)
    if not fresh:
        return 0
    reds = fold([*_stored(cursor, target, spans), *fresh], width, epoch)
    _write(cursor, target, spans, reds)
    return len(reds)


def _stored(
    cursor: "psycopg.Cursor[Any]", table: str, spans: list[tuple[datetime, datetime]]
) -> list[Red]:
    cursor.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY bucket").format(
            _identifiers(COLUMNS), sql.Identifier(table), between("bucket", spans)
        )
    )
    return [from_row(row) for row in cursor]


def _write(
    cursor: "psycopg.Cursor[Any]",
    target: str,
    spans: list[tuple[datetime, datetime]],
    reds: Sequence[Red],
) -> None:
    """These rows in place of all there are in the ranges."""
    cursor.execute(
        sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(target), between("bucket", spans))
    )
    if reds:
        cursor.executemany(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(target), _identifiers(COLUMNS),
                sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS)),
            ),
            [red.row() for red in reds],
        )  # fmt: skip


def _identifiers(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
