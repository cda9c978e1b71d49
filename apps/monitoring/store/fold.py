"""Folding points into buckets, and buckets into larger ones: one rule for rollups and reads.

A partial says what one series did inside one bucket, with its first and last point. Folding adds
partials and, between neighbours, what a cumulative series gained across the border. A point is the
smallest partial, so minutes fold from points, hours from minutes and a chart from any mixture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import orjson
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from apps.monitoring.store import histograms
from apps.monitoring.store.histograms import Buckets, State

PARTIAL: Final = (
    "series_id, bucket, n, sum, min, max, first, first_ts, first_start,"
    " last, last_ts, last_start, increase"
)
# A point as a partial. NULL values (staleness marks) are no numbers: they fold into nothing.
POINT: Final = (
    "series_id, ts AS bucket, 1::int8 AS n, value AS sum, value AS min, value AS max,"
    " value AS first, ts AS first_ts, start_ts AS first_start,"
    " value AS last, ts AS last_ts, start_ts AS last_start, 0::float8 AS increase"
)

# What happened between a partial and the one before it: a start after the last point or a drop
# means the counter began anew, so all it shows is gain.
_BORDER: Final = """CASE
    WHEN before IS NULL THEN {orphan}
    WHEN first < before OR first_start >= before_ts THEN first
    ELSE first - before END"""


def fold_sql(partials: sql.Composable, step: sql.Composable, *, local: bool) -> sql.Composed:
    """SQL that folds the relation `partials` into one partial for each series and step.

    `step` is an expression over `bucket`. With `local` nothing outside a step touches it (what a
    rollup stores). Otherwise what a series gained since its previous partial counts too, and a
    first partial counts in full when its counter started at %(horizon)s or later.
    """
    within = sql.SQL("series_id, step" if local else "series_id")
    orphan = "0" if local else "CASE WHEN first_start >= %(horizon)s THEN first ELSE 0 END"
    return sql.SQL(
        """
    SELECT series_id, step AS bucket, sum(n)::int8 AS n, sum(sum) AS sum,
        min(min) AS min, max(max) AS max,
        (array_agg(first ORDER BY first_ts, first))[1] AS first, min(first_ts) AS first_ts,
        (array_agg(first_start ORDER BY first_ts, first))[1] AS first_start,
        (array_agg(last ORDER BY last_ts DESC, last DESC))[1] AS last, max(last_ts) AS last_ts,
        (array_agg(last_start ORDER BY last_ts DESC, last DESC))[1] AS last_start,
        sum(increase + {border}) AS increase
    FROM (
        SELECT *, lag(last) OVER w AS before, lag(last_ts) OVER w AS before_ts
        FROM (SELECT *, {step} AS step FROM ({partials}) p) stepped
        WINDOW w AS (PARTITION BY {within} ORDER BY first_ts, first)
    ) chained
    GROUP BY series_id, step"""
    ).format(
        border=sql.SQL(_BORDER.format(orphan=orphan)), step=step, partials=partials, within=within
    )


@dataclass(eq=False)
class Edge:
    """A cumulative histogram as it stood at one point."""

    at: datetime
    start: datetime | None
    state: State


@dataclass(eq=False)
class HistPartial:
    """What one histogram series did in one bucket. `head` and `tail` only when cumulative."""

    series_id: int
    bucket: datetime
    gained: State
    head: Edge | None = None
    tail: Edge | None = None


def chain(
    partials: Sequence[HistPartial], horizon: datetime | None
) -> list[tuple[datetime, State]]:
    """(bucket, what was gained) of one series' partials, in order of time, borders included.

    A first cumulative partial counts in full when its counter started at `horizon` or later;
    None leaves the border before it out.
    """
    gains: list[tuple[datetime, State]] = []
    before: Edge | None = None
    for partial in partials:
        gained = [partial.gained]
        if partial.head is not None:
            gained.append(_border(before, partial.head, horizon))
            before = partial.tail
        gains.append((partial.bucket, histograms.merge(gained)))
    return gains


def _border(before: Edge | None, head: Edge, horizon: datetime | None) -> State:
    if before is None:
        began_here = horizon is not None and head.start is not None and head.start >= horizon
        return head.state if began_here else State()
    if head.start is not None and head.start >= before.at:
        return head.state
    return histograms.increase(head.state, before.state) or head.state


def fold(partials: Sequence[HistPartial], bucket: datetime) -> HistPartial:
    """One series' partials (in order of time) as one."""
    gained = histograms.merge(state for _, state in chain(partials, None))
    heads = [p for p in partials if p.head is not None]
    return HistPartial(
        partials[0].series_id,
        bucket,
        gained,
        heads[0].head if heads else None,
        heads[-1].tail if heads else None,
    )


STATE_COLUMNS: Final = "n, sum, min, max, scale, zero, pos_off, pos, neg_off, neg, bounds"
POINT_COLUMNS: Final = f"series_id, ts, {STATE_COLUMNS}, start_ts"
ROLLUP_COLUMNS: Final = f"series_id, bucket, {STATE_COLUMNS}, head, tail"


def from_point_row(row: Sequence[Any], *, cumulative: bool) -> HistPartial:
    """A row of POINT_COLUMNS, read with `ArrayLoader`."""
    state = _state(row[2:13])
    if not cumulative:
        return HistPartial(row[0], row[1], state)
    edge = Edge(row[1], row[13], state)
    return HistPartial(row[0], row[1], State(), edge, edge)


def from_rollup_row(row: Sequence[Any]) -> HistPartial:
    """A row of ROLLUP_COLUMNS, read with `ArrayLoader`."""
    return HistPartial(row[0], row[1], _state(row[2:13]), _edge_from(row[13]), _edge_from(row[14]))


def _state(cells: Sequence[Any]) -> State:
    n, total, low, high, scale, zero, pos_off, pos, neg_off, neg, bounds = cells
    return State(
        n, total, low, high, scale, zero, Buckets(pos_off, pos), Buckets(neg_off, neg),
        None if bounds is None else tuple(bounds),
    )  # fmt: skip


def rollup_row(partial: HistPartial) -> tuple[Any, ...]:
    """`partial` as a row of ROLLUP_COLUMNS, arrays as lists, edges as JSON text."""
    s = partial.gained
    return (
        partial.series_id, partial.bucket, s.count, s.sum, s.min, s.max, s.scale, s.zero,
        s.positive.offset, s.positive.counts.tolist(), s.negative.offset,
        s.negative.counts.tolist(), None if s.bounds is None else list(s.bounds),
        _edge_json(partial.head), _edge_json(partial.tail),
    )  # fmt: skip


def _edge_json(edge: Edge | None) -> str | None:
    if edge is None:
        return None
    s = edge.state
    return orjson.dumps(
        {
            "at": edge.at, "start": edge.start, "n": s.count, "sum": s.sum, "scale": s.scale,
            "zero": s.zero, "off": s.positive.offset, "pos": s.positive.counts.tolist(),
            "neg_off": s.negative.offset, "neg": s.negative.counts.tolist(), "bounds": s.bounds,
        }
    ).decode()  # fmt: skip


def _edge_from(cell: dict[str, Any] | None) -> Edge | None:
    if cell is None:
        return None
    start, bounds = cell["start"], cell["bounds"]
    state = State(
        cell["n"], cell["sum"], None, None, cell["scale"], cell["zero"],
        Buckets(cell["off"], np.array(cell["pos"], np.int64)),
        Buckets(cell["neg_off"], np.array(cell["neg"], np.int64)),
        None if bounds is None else tuple(bounds),
    )  # fmt: skip
    return Edge(
        datetime.fromisoformat(cell["at"]).astimezone(UTC),
        datetime.fromisoformat(start).astimezone(UTC) if start else None,
        state,
    )


def by_series(partials: Iterable[HistPartial]) -> dict[int, list[HistPartial]]:
    """Partials grouped by series, each list in the order given."""
    groups: dict[int, list[HistPartial]] = {}
    for partial in partials:
        groups.setdefault(partial.series_id, []).append(partial)
    return groups


_CELL: Final = np.dtype([("length", ">i4"), ("value", ">i8")])
_EMPTY: Final = np.zeros(0, np.int64)


class ArrayLoader(Loader):
    """int8[] (binary) straight into numpy; a list of Python integers costs ten times as much."""

    format = Format.BINARY

    def load(self, data: Buffer) -> histograms.Counts:
        # Dimensions, flags, element type, then length and lower bound of the one dimension.
        if len(data) <= 12:
            return _EMPTY
        values: histograms.Counts = np.frombuffer(data, _CELL, offset=20)["value"].astype(np.int64)
        return values
