"""Rows as PostgreSQL's binary COPY format.

psycopg's own dumpers cost several microseconds a row; packing whole rows at once is what lets one
core keep up with the server. A row that cannot be kept is refused with a reason, never raised.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from apps.monitoring.store import histograms
from apps.monitoring.store.clean import json_bytes, text_bytes
from apps.monitoring.store.errors import RowError
from apps.monitoring.store.rows import (
    Histogram,
    LogRecord,
    Packed,
    Resource,
    Sample,
    Series,
    Span,
)

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

# PostgreSQL counts microseconds from 2000-01-01.
EPOCH_US: Final = 946_684_800_000_000
MINUTE_US: Final = 60_000_000
_NULL: Final = b"\xff\xff\xff\xff"
_TWO_NULLS: Final = _NULL + _NULL
_ZERO_SPAN: Final = bytes(8)
_ZERO_TRACE: Final = bytes(16)
_LONGEST_US: Final = 2**62
_LENGTH = Struct(">i").pack
_JSON_HEAD = Struct(">ib").pack
_SHORT = Struct(">h").pack
_INT2 = Struct(">ih").pack
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_FLOAT8 = Struct(">id").pack
_EIGHT = Struct(">i8s").pack
_SIXTEEN = Struct(">i16s").pack
_SPAN = Struct(">h iq i16s i8s ii ii ih ih iq").pack
_CHILD = Struct(">h iq i16s i8s ii ii ih ih iq i8s ib").pack
_LOG = Struct(">h iq iq ii ih").pack
_ARRAY = Struct(">iiiiii").pack
_INT8_OID, _FLOAT8_OID = 20, 701

COLUMNS: Final = {
    "tm_span": "ts, trace_id, span_id, resource_id, name_id, kind, status, dur_us, parent_id,"
    " attrs, events, links",
    "tm_log": "ts, observed_ts, resource_id, severity, trace_id, span_id, body, attrs",
    "tm_sample": "series_id, ts, value, start_ts",
    "tm_hist": "series_id, ts, start_ts, n, sum, min, max, scale, zero, pos_off, pos, neg_off,"
    " neg, bounds, exemplars",
}

# Few samples have exemplars: they go in a COPY of their own, and the others save the column.
SAMPLE_EXEMPLARS: Final = COLUMNS["tm_sample"] + ", exemplars"


class Window(NamedTuple):
    """The times a table takes, [low, high) in PostgreSQL microseconds."""

    low: int
    high: int


class Ids(NamedTuple):
    """Ids of the identities the rows of one group point at."""

    resources: Mapping[Resource, int]
    names: Mapping[str, int]
    series: Mapping[Series, int]


@dataclass
class Encoded:
    """Rows ready to copy, and why others were refused."""

    rows: list[bytes] = field(default_factory=list)
    kept: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    # The minutes the rows fall into, in PostgreSQL microseconds.
    minutes: set[int] = field(default_factory=set)
    # Samples with exemplars, in the columns SAMPLE_EXEMPLARS.
    with_exemplars: list[bytes] = field(default_factory=list)


_Row = TypeVar("_Row", Span, LogRecord, Histogram)


def _each(
    rows: Sequence[_Row], encode: Callable[[_Row, Ids, Window], bytes], ids: Ids, window: Window
) -> Encoded:
    done = Encoded()
    append = done.rows.append
    for row in rows:
        try:
            append(encode(row, ids, window))
        except RowError as error:
            done.refused[str(error)] += 1
        except Exception as error:  # noqa: BLE001 (one odd row must not take its neighbours along)
            done.refused[f"The row cannot be encoded: {type(error).__name__}."] += 1
    done.kept = len(done.rows)
    return done


def spans(rows: Sequence[Span], ids: Ids, window: Window) -> Encoded:
    """Rows of tm_span."""
    done = _each(rows, _span, ids, window)
    # The time is the first column, behind the field count and its own length.
    minutes = {int.from_bytes(row[6:14], "big", signed=True) // MINUTE_US for row in done.rows}
    done.minutes = {minute * MINUTE_US for minute in minutes}
    return done


def logs(rows: Sequence[LogRecord], ids: Ids, window: Window) -> Encoded:
    """Rows of tm_log."""
    done = _each(rows, _log, ids, window)
    # The time is the first column, behind the field count and its own length.
    minutes = {int.from_bytes(row[6:14], "big", signed=True) // MINUTE_US for row in done.rows}
    done.minutes = {minute * MINUTE_US for minute in minutes}
    return done


def _time(nanoseconds: int, window: Window) -> int:
    moment = nanoseconds // 1000 - EPOCH_US
    if not window.low <= moment < window.high:
        raise RowError("The time is outside what the store takes.")
    return moment


def _json(value: object) -> bytes:
    packed = json_bytes(value)
    return _JSON_HEAD(len(packed) + 1, 1) + packed


def _span(span: Span, ids: Ids, window: Window) -> bytes:
    (resource, trace_id, span_id, parent_id, name, kind, start, end, status, attrs, events,
     links) = span  # fmt: skip
    moment = _time(start, window)
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        raise RowError("The trace id must be 16 bytes, not all zero.")
    if len(span_id) != 8 or span_id == _ZERO_SPAN:
        raise RowError("The span id must be 8 bytes, not all zero.")
    duration = (end - start) // 1000
    if not 0 <= duration < _LONGEST_US:
        raise RowError("The span ends before it starts.")
    has_parent = parent_id is not None and len(parent_id) == 8 and parent_id != _ZERO_SPAN
    packed = attrs.json if type(attrs) is Packed else json_bytes(attrs)
    if has_parent and not events and not links:
        # Most spans: one call less a field.
        return (
            _CHILD(
                12, 8, moment, 16, trace_id, 8, span_id, 4, ids.resources[resource],
                4, ids.names[name], 2, kind if 0 <= kind <= 5 else 0,
                2, status if 0 <= status <= 2 else 0, 8, duration, 8, parent_id,
                len(packed) + 1, 1,
            )
            + packed + _TWO_NULLS
        )  # fmt: skip
    return b"".join(
        (
            _SPAN(
                12, 8, moment, 16, trace_id, 8, span_id, 4, ids.resources[resource],
                4, ids.names[name], 2, kind if 0 <= kind <= 5 else 0,
                2, status if 0 <= status <= 2 else 0, 8, duration,
            ),
            _EIGHT(8, parent_id) if has_parent else _NULL,
            _JSON_HEAD(len(packed) + 1, 1),
            packed,
            _json(events) if events else _NULL,
            _json(links) if links else _NULL,
        )
    )  # fmt: skip


def _log(record: LogRecord, ids: Ids, window: Window) -> bytes:
    resource, time_ns, observed_ns, severity, body, attrs, trace_id, span_id = record
    moment = _time(time_ns or observed_ns or time.time_ns(), window)
    observed = observed_ns // 1000 - EPOCH_US if observed_ns else moment
    if not -EPOCH_US <= observed < _LONGEST_US:
        raise RowError("The observed time is outside what the store takes.")
    message = text_bytes(body)
    packed = attrs.json if type(attrs) is Packed else json_bytes(attrs)
    return b"".join(
        (
            _LOG(
                8, 8, moment, 8, observed, 4, ids.resources[resource],
                2, severity if 0 <= severity <= 24 else 0,
            ),
            _SIXTEEN(16, trace_id)
            if trace_id and len(trace_id) == 16 and trace_id != _ZERO_TRACE else _NULL,
            _EIGHT(8, span_id)
            if span_id and len(span_id) == 8 and span_id != _ZERO_SPAN else _NULL,
            _LENGTH(len(message)),
            message,
            _JSON_HEAD(len(packed) + 1, 1),
            packed,
        )
    )  # fmt: skip


def _number(value: float | None) -> bytes:
    return _NULL if value is None or not np.isfinite(value) else _FLOAT8(8, value)


def _int8s(values: histograms.Counts) -> bytes:
    return _array(_INT8_OID, np.asarray(values, ">i8"), ">i8")


def _array(oid: int, values: "np.ndarray[Any, Any]", kind: str) -> bytes:
    if not len(values):
        return _LENGTH(12) + Struct(">iii").pack(0, 0, oid)
    cells = np.empty(len(values), [("length", ">i4"), ("value", kind)])
    cells["length"], cells["value"] = 8, values
    return _ARRAY(20 + cells.nbytes, 1, 0, oid, len(values), 1) + cells.tobytes()


def _histogram(point: Histogram, ids: Ids, window: Window) -> bytes:
    moment = _time(point.time_ns, window)
    state = histograms.from_point(point)
    start = point.start_ns // 1000 - EPOCH_US
    return b"".join(
        (
            _SHORT(15),
            _INT4(4, ids.series[point.series]),
            _INT8(8, moment),
            _INT8(8, start) if point.start_ns else _NULL,
            _INT8(8, state.count),
            _number(state.sum),
            _number(state.min),
            _number(state.max),
            _NULL if state.scale is None else _INT2(2, state.scale),
            _INT8(8, state.zero),
            _INT4(4, state.positive.offset),
            _int8s(state.positive.counts),
            _INT4(4, state.negative.offset),
            _int8s(state.negative.counts),
            _NULL
            if state.bounds is None
            else _array(_FLOAT8_OID, np.asarray(state.bounds, ">f8"), ">f8"),
            _json(point.exemplars) if point.exemplars else _NULL,
        )
    )


def histogram_points(rows: Sequence[Histogram], ids: Ids, window: Window) -> Encoded:
    """Rows of tm_hist."""
    done = _each(rows, _histogram, ids, window)
    for row in done.rows:
        # The time sits behind the field count and the series id.
        done.minutes.add(int.from_bytes(row[14:22], "big", signed=True) // MINUTE_US)
    done.minutes = {minute * MINUTE_US for minute in done.minutes}
    return done


def samples(rows: Sequence[Sample], ids: Ids, window: Window) -> Encoded:
    """Rows of tm_sample. A value that is no finite number (staleness) is kept as NULL."""
    done = Encoded()
    if not rows:
        return done
    series, times, values, starts, exemplars = zip(*rows, strict=True)
    try:
        sid = np.fromiter(map(ids.series.__getitem__, series), np.int64, len(rows))
        ts = np.asarray(times, np.int64) // 1000 - EPOCH_US
        value = np.asarray(values, np.float64)
        start = np.asarray(starts, np.int64) // 1000 - EPOCH_US
    except (OverflowError, TypeError, ValueError):
        return _one_by_one(rows, ids, window)
    inside = (ts >= window.low) & (ts < window.high)
    done.kept = int(inside.sum())
    if done.kept < len(rows):
        done.refused["The time is outside what the store takes."] = len(rows) - done.kept
    done.minutes = {int(m) * MINUTE_US for m in np.unique(ts[inside] // MINUTE_US)}
    finite, started = np.isfinite(value), np.asarray(starts, np.int64) > 0
    if any(exemplars):
        bare = np.fromiter((not found for found in exemplars), np.bool_, len(rows))
        for i in np.flatnonzero(inside & ~bare):
            done.with_exemplars.append(
                b"".join(
                    (
                        _SHORT(5), _INT4(4, int(sid[i])), _INT8(8, int(ts[i])), _number(value[i]),
                        _INT8(8, int(start[i])) if started[i] else _NULL, _json(exemplars[i]),
                    )
                )
            )  # fmt: skip
        inside &= bare
    for has_value in (True, False):
        for has_start in (True, False):
            chosen = inside & (finite == has_value) & (started == has_start)
            if chosen.any():
                done.rows.append(
                    _pack_samples(
                        sid[chosen], ts[chosen],
                        value[chosen] if has_value else None,
                        start[chosen] if has_start else None,
                    )
                )  # fmt: skip
    return done


def _one_by_one(rows: Sequence[Sample], ids: Ids, window: Window) -> Encoded:
    """The slow way round a number no column holds: only its own row is refused."""
    done = Encoded()
    for row in rows:
        try:
            np.asarray((row.time_ns, row.start_ns), np.int64)
            clean = row._replace(value=float(row.value))
        except (OverflowError, TypeError, ValueError):
            done.refused["A number is outside what the store takes."] += 1
            continue
        one = samples((clean,), ids, window)
        done.rows += one.rows
        done.kept += one.kept
        done.refused += one.refused
        done.minutes |= one.minutes
        done.with_exemplars += one.with_exemplars
    return done


def _pack_samples(
    sid: "np.ndarray[Any, Any]",
    ts: "np.ndarray[Any, Any]",
    value: "np.ndarray[Any, Any] | None",
    start: "np.ndarray[Any, Any] | None",
) -> bytes:
    """Rows of one shape as one array: NULL has a length of -1 and no payload."""
    columns = [("series_id", ">i4", sid), ("ts", ">i8", ts),
               ("value", ">f8", value), ("start_ts", ">i8", start)]  # fmt: skip
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind, data in columns:
        layout.append((f"{name}_length", ">i4"))
        if data is not None:
            layout.append((name, kind))
    packed = np.empty(len(sid), layout)
    packed["fields"] = len(columns)
    for name, kind, data in columns:
        packed[f"{name}_length"] = -1 if data is None else np.dtype(kind).itemsize
        if data is not None:
            packed[name] = data
    return packed.tobytes()
