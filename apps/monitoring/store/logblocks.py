"""Log lines in compressed blocks: how a block is made, and what is read out of it.

A block holds lines of one service, oldest first, as columns of JSON under zstd. Each line keeps the
place it had (`ctid`): an address of a line stays good when its day is compressed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import psycopg
import zstandard
from psycopg import sql

LINES: Final = 4000
# A block of long lines ends earlier, so that reading one never takes much memory.
_LETTERS: Final = 4_000_000
_LEVEL: Final = 9
_HASHES: Final = 4
_BITS_A_TRACE: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNPACKED_BYTES: Final = 512 * 1024 * 1024


class Line(NamedTuple):
    """One line as it was stored. `tie` is its hash, `attrs` JSON text, `place` its `ctid`."""

    ts: datetime
    observed: datetime
    resource_id: int
    severity: int
    trace_id: UUID | None
    span_id: int | None
    body: str
    attrs: str
    place: str
    tie: int


_NAMES: Final = (
    "ts", "observed", "resource", "severity", "trace", "span", "body", "attrs", "place", "tie",
)  # fmt: skip
COLUMNS: Final = (
    "l.ts, l.observed_ts, l.resource_id, l.severity, l.trace_id, l.span_id, l.body, l.attrs::text,"
    " l.ctid::text, hashtextextended(l.body, coalesce(l.span_id, 0))"
)


@dataclass(frozen=True)
class Block:
    """One block, ready to store."""

    start: datetime
    end: datetime
    service: str
    n: int
    levels: int
    traces: bytes | None
    data: bytes


def blocks(lines: Iterable[tuple[str, Line]]) -> Iterator[Block]:
    """Blocks of (service, line) in the order of service and time."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    batch: list[Line] = []
    service, letters = "", 0
    for of, line in lines:
        if batch and (of != service or len(batch) >= LINES or letters >= _LETTERS):
            yield _block(service, batch, compressor)
            batch, letters = [], 0
        service = of
        batch.append(line)
        letters += len(line.body) + len(line.attrs)
    if batch:
        yield _block(service, batch, compressor)


def _block(service: str, lines: Sequence[Line], compressor: zstandard.ZstdCompressor) -> Block:
    columns = {
        "ts": [microseconds(line.ts) for line in lines],
        "observed": [microseconds(line.observed) for line in lines],
        "resource": [line.resource_id for line in lines],
        "severity": [line.severity for line in lines],
        "trace": [None if line.trace_id is None else line.trace_id.hex for line in lines],
        "span": [line.span_id for line in lines],
        "body": [line.body for line in lines],
        "attrs": [line.attrs for line in lines],
        "place": [line.place for line in lines],
        "tie": [line.tie for line in lines],
    }
    levels = 0
    for line in lines:
        levels |= 1 << min(max(line.severity, 0), 30)
    return Block(
        lines[0].ts, lines[-1].ts, service, len(lines), levels,
        _bloom({line.trace_id for line in lines if line.trace_id}),
        compressor.compress(orjson.dumps(columns)),
    )  # fmt: skip


class Columns:
    """A block read: its lines, oldest first, by number."""

    def __init__(self, data: bytes) -> None:
        packed = zstandard.ZstdDecompressor().decompress(data, max_output_size=_UNPACKED_BYTES)
        self._columns: dict[str, list[Any]] = orjson.loads(packed)

    def __len__(self) -> int:
        return len(self._columns["ts"])

    def column(self, name: str) -> list[Any]:
        """`ts` and `observed` in microseconds since 1970, `trace` as hexadecimal digits."""
        return self._columns[name]

    def line(self, at: int) -> Line:
        """One line whole."""
        ts, observed, resource, severity, trace, span, body, attrs, place, tie = (
            self._columns[name][at] for name in _NAMES
        )
        trace_id = None if trace is None else UUID(trace)
        return Line(
            moment(ts), moment(observed), resource, severity, trace_id, span, body, attrs, place,
            tie,
        )  # fmt: skip


def microseconds(ts: datetime) -> int:
    """Since 1970."""
    return (ts - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The reverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=us)


def trace_bits(trace_id: UUID) -> tuple[int, int]:
    """Two numbers of which every position in a Bloom filter is made (Kirsch and Mitzenmacher).

    Position i is (first + i * second) modulo the filter's bits.
    """
    raw = trace_id.bytes
    first = int.from_bytes(raw[:4], "big") & 0x7FFFFFFF
    return first, int.from_bytes(raw[-4:], "big") & 0x7FFFFFFF | 1


def _bloom(traces: set[UUID]) -> bytes | None:
    """A Bloom filter of trace ids, wrong for one of about two hundred; None for no ids."""
    if not traces:
        return None
    filled = bytearray(max(8, len(traces) * _BITS_A_TRACE // 8))
    size = len(filled) * 8
    for trace in traces:
        first, second = trace_bits(trace)
        for i in range(_HASHES):
            at = (first + i * second) % size
            # PostgreSQL's get_bit counts from the lowest bit of the first byte.
            filled[at // 8] |= 1 << (at % 8)
    return bytes(filled)


# Of a block that may hold the trace all positions are set. Parameters: first, second.
MAY_HOLD: Final = " AND ".join(
    f"get_bit(b.traces, (%(first)s::int8 + {i} * %(second)s::int8) %% (length(b.traces) * 8)) = 1"
    for i in range(_HASHES)
)


def store(cursor: "psycopg.Cursor[Any]", table: str, found: Iterable[Block]) -> tuple[int, int]:
    """Copy blocks into a table like tm_log_block; how many lines and bytes there were."""
    n = size = 0
    statement = sql.SQL(
        "INSERT INTO {} (start_ts, end_ts, service, n, levels, traces, data)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
    ).format(sql.Identifier(table))
    for block in found:
        cursor.execute(
            statement,
            [
                block.start,
                block.end,
                block.service,
                block.n,
                block.levels,
                block.traces,
                block.data,
            ],
        )
        n, size = n + block.n, size + len(block.data)
    return n, size
