"""Many histogram rows merged at once, as columns.

PostgreSQL hands over a single row, its cells packed into arrays; numpy adds them up. A row of its
own for each point costs twenty times as much, nearly all of it Python's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from apps.monitoring.store import fold
from apps.monitoring.store.histograms import Buckets, State

# The relation that `read` takes: one row for each point or rollup.
COLUMNS: Final = (
    "series_id, {at} AS at, n, sum, min, max, scale, zero, pos_off, pos, neg_off, neg, bounds"
)
# No GROUP BY: PostgreSQL would sort all those wide rows, beyond work_mem on disk.
_PACKED: Final = """
SELECT array_agg(coalesce(scale, -32768)::int8), array_agg(array_send(bounds)),
    array_agg(series_id::int8), array_agg(at), array_agg(n), array_agg(zero),
    array_agg(coalesce(sum, 'NaN')), array_agg(coalesce(min, 'NaN')),
    array_agg(coalesce(max, 'NaN')),
    array_agg(pos_off::int8), array_agg(cardinality(pos)::int8),
    string_agg(array_send(pos), '') FILTER (WHERE pos <> '{{}}'),
    array_agg(neg_off::int8), array_agg(cardinality(neg)::int8),
    string_agg(array_send(neg), '') FILTER (WHERE neg <> '{{}}')
FROM ({rows}) p"""
_NO_SCALE: Final = -32768
_INT8_ARRAY, _FLOAT8_ARRAY, _TIMESTAMPTZ_ARRAY = 1016, 1022, 1185
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's own
_MICROSECOND: Final = timedelta(microseconds=1)
_FLOAT: Final = np.dtype([("length", ">i4"), ("value", ">f8")])

Array = np.ndarray[Any, np.dtype[Any]]
# Scale or bounds: what two histograms must share before their buckets can be added up.
Layout = tuple[int | None, tuple[float, ...] | None]


class FloatsLoader(Loader):
    """float8[] (binary, without NULLs) straight into numpy."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Array:
        if len(data) <= 12:
            return np.zeros(0)
        return np.frombuffer(data, _FLOAT, offset=20)["value"].astype(np.float64)


@dataclass(eq=False)
class Merged:
    """What one group observed in one step."""

    group: int
    step: int
    state: State
    last_ts: datetime


def read(
    cursor: "psycopg.Cursor[Any]",
    rows: sql.Composable,
    ids: Sequence[int],
    groups: Sequence[int],
    start: datetime,
    step: timedelta,
) -> list[Merged]:
    """The rows of the relation merged by group and step since `start`, and by layout of buckets.

    `rows` has COLUMNS and takes the series in %(ids)s. Steps are numbered from 0.
    """
    packed = psycopg.Cursor(cursor.connection)
    packed.format = Format.BINARY
    packed.adapters.register_loader(_INT8_ARRAY, fold.ArrayLoader)
    packed.adapters.register_loader(_TIMESTAMPTZ_ARRAY, fold.ArrayLoader)
    packed.adapters.register_loader(_FLOAT8_ARRAY, FloatsLoader)
    known = np.argsort(np.asarray(ids))
    sorted_ids, sorted_groups = np.asarray(ids)[known], np.asarray(groups)[known]
    with packed:
        packed.execute(sql.SQL(_PACKED).format(rows=rows), {"ids": list(ids)})
        (row,) = packed.fetchall()
    if row[0] is None:
        return []
    scales, bounds, series, at, *cells = row
    steps = (at - (start - _EPOCH) // _MICROSECOND) // (step // _MICROSECOND)
    of_series = sorted_groups[np.searchsorted(sorted_ids, series)]
    layouts, of_layout = _layouts(scales, bounds)
    return _merged(layouts, of_layout, of_series, steps, at, cells)


def _layouts(scales: Array, bounds: list[bytes | None]) -> tuple[list[Layout], Array]:
    """Every layout of buckets among the rows, and which of them each row has."""
    numbers: dict[tuple[int, bytes | None], int] = {}
    pairs = zip(scales.tolist(), bounds, strict=True)
    of_row = np.fromiter((numbers.setdefault(p, len(numbers)) for p in pairs), np.int64)
    layouts = [
        (
            None if scale == _NO_SCALE else scale,
            None if sent is None else tuple(FloatsLoader(_FLOAT8_ARRAY).load(sent).tolist()),
        )
        for scale, sent in numbers
    ]
    return layouts, of_row


def _merged(
    layouts: list[Layout],
    of_layout: Array,
    groups: Array,
    steps: Array,
    at: Array,
    cells: Sequence[Any],
) -> list[Merged]:
    n, zero, total, low, high, pos_off, pos_len, pos, neg_off, neg_len, neg = cells
    width = int(steps.max()) + 1
    across = int(groups.max()) + 1
    codes = (of_layout * across + groups) * width + steps
    keys, places = np.unique(codes, return_inverse=True)
    size = len(keys)
    counts, zeros, last = (np.zeros(size, np.int64) for _ in range(3))
    np.add.at(counts, places, n)
    np.add.at(zeros, places, zero)
    np.maximum.at(last, places, at)
    sums = _folded(np.add, 0.0, size, places, total)
    lows = _folded(np.minimum, np.inf, size, places, low)
    highs = _folded(np.maximum, -np.inf, size, places, high)
    positive = _summed(size, places, pos_off, pos_len, pos)
    negative = _summed(size, places, neg_off, neg_len, neg)
    found = []
    for key, count, total_sum, low_end, high_end, z, plus, minus, moment in zip(
        keys.tolist(), counts.tolist(), sums, lows, highs, zeros.tolist(), positive, negative,
        last.tolist(), strict=True,
    ):  # fmt: skip
        rest, step = divmod(key, width)
        layout, group = divmod(rest, across)
        scale, bounds = layouts[layout]
        whole = plus if bounds is None else _all_buckets(plus, len(bounds) + 1)
        state = State(count, total_sum, low_end, high_end, scale, z, whole, minus, bounds)
        found.append(Merged(group, step, state, _EPOCH + timedelta(microseconds=moment)))
    return found


def _folded(
    fold_in: np.ufunc, first: float, size: int, places: Array, values: Array
) -> list[float | None]:
    """Floats by place. One that is unknown (NaN) leaves that of the whole unknown."""
    unknown = np.isnan(values)
    found = np.full(size, first)
    fold_in.at(found, places[~unknown], values[~unknown])
    answer: list[float | None] = found.tolist()
    for place in np.unique(places[unknown]).tolist():
        answer[place] = None
    return answer


def _summed(
    size: int, places: Array, offsets: Array, lengths: Array, sent: bytes | None
) -> list[Buckets]:
    """The arrays in `sent` (one after the other, as PostgreSQL sends int8[]) added up by place."""
    empty = Buckets()
    answer = [empty] * size
    if sent is None:
        return answer
    used = lengths > 0
    places, offsets, lengths = places[used], offsets[used], lengths[used]
    # Words of 4 bytes: 5 of header for each array, then length, high and low word of each count.
    words = np.frombuffer(sent, ">u4")
    ends = np.cumsum(lengths)
    total = int(ends[-1])
    arrays = np.repeat(np.arange(len(lengths)), lengths)
    low_words = (arrays + 1) * 5 + np.arange(total) * 3 + 2
    low, high = words[low_words], words[low_words - 1]
    there = np.flatnonzero(low | high)
    arrays = arrays[there]
    values = (high[there].astype(np.int64) << 32) | low[there]
    buckets = offsets[arrays] + there - (ends - lengths)[arrays]
    return _by_place(answer, places[arrays], buckets, values)


def _by_place(answer: list[Buckets], places: Array, buckets: Array, values: Array) -> list[Buckets]:
    if not len(places):
        return answer
    lowest = int(buckets.min())
    span = int(buckets.max()) - lowest + 1
    keys, inverse = np.unique(places * span + (buckets - lowest), return_inverse=True)
    sums = np.zeros(len(keys), np.int64)
    np.add.at(sums, inverse, values)
    owners, inside = keys // span, keys % span
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(keys)], strict=True):
        first = int(inside[begin])
        counts = np.zeros(int(inside[end - 1]) - first + 1, np.int64)
        counts[inside[begin:end] - first] = sums[begin:end]
        answer[int(owners[begin])] = Buckets(first + lowest, counts)
    return answer


def _all_buckets(buckets: Buckets, size: int) -> Buckets:
    """Explicit histograms have a count for each of their buckets, empty or not."""
    counts = np.zeros(size, np.int64)
    counts[buckets.offset : buckets.offset + len(buckets.counts)] = buckets.counts
    return Buckets(0, counts)
