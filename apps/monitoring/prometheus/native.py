"""Native histograms → rows. Their exponential schema s is OpenTelemetry's scale s, unchanged.

Prometheus' bucket i ends at 2^(i / 2^s), OpenTelemetry's bucket k at 2^((k + 1) / 2^s): k = i - 1.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

from apps.monitoring.intake import limits
from apps.monitoring.store.rows import Histogram, Series

_LOWEST, _HIGHEST = -4, 8
_CUSTOM: Final = -53
_GAUGE_HINT: Final = 3
# prometheus/prometheus, model/value: the sum of a stale histogram is this NaN.
_STALE: Final = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]


class _BadError(ValueError):
    """Why the histogram is refused."""


def histogram(point: Any, series: Series, start_ms: int) -> Histogram | str | None:
    """One row, why there is none, or None for a stale marker, which needs no row."""
    if is_stale(point.sum):
        return None
    time_ns = point.timestamp * 1_000_000
    if not 0 < time_ns <= limits.INT64_MAX:
        return "a time is absent or out of range"
    if point.reset_hint == _GAUGE_HINT:
        return "gauge histograms are not kept"
    start_ns = max(start_ms, 0) * 1_000_000
    try:
        return _row(point, series, time_ns, start_ns if start_ns <= time_ns else 0)
    except _BadError as error:
        return str(error)


def is_stale(value: float) -> bool:
    """Whether these are the very bits of Prometheus' stale marker."""
    return math.isnan(value) and struct.pack("<d", value) == struct.pack("<d", _STALE)


def _row(point: Any, series: Series, time_ns: int, start_ns: int) -> Histogram:
    total = _whole(point.count_int or point.count_float)
    value = point.sum if math.isfinite(point.sum) else None
    low, positive = _buckets(point.positive_spans, point.positive_deltas, point.positive_counts)
    if point.schema == _CUSTOM:
        bounds = tuple(point.custom_values)
        if low < 0 or low + len(positive) > len(bounds) + 1:
            raise _BadError("the buckets of a histogram do not fit its bounds")
        counts = [0] * low + positive
        counts += [0] * (len(bounds) + 1 - len(counts))
        return Histogram(series, start_ns, time_ns, total, value, None, None, scale=None, zero=0,
                         offset=0, positive=counts, bounds=bounds)  # fmt: skip
    if not _LOWEST <= point.schema <= _HIGHEST:
        raise _BadError("a histogram has a schema outside -4 to 8")
    below, negative = _buckets(point.negative_spans, point.negative_deltas, point.negative_counts)
    return Histogram(
        series, start_ns, time_ns, total, value, None, None, scale=point.schema,
        zero=_whole(point.zero_count_int or point.zero_count_float), offset=low - 1,
        positive=positive, negative_offset=below - 1, negative=negative,
    )  # fmt: skip


def _buckets(
    spans: Sequence[Any], deltas: Sequence[int], counts: Sequence[float]
) -> tuple[int, list[int]]:
    """The index of the first bucket, and the counts of all from there on, gaps as 0."""
    told = [_whole(n) for n in counts] if counts else _running(deltas)
    if sum(span.length for span in spans) != len(told):
        raise _BadError("the spans of a histogram do not fit its buckets")
    if not told:
        return 0, []
    # Before anything is made: a gap of two milliards is a few bytes on the wire.
    width = sum(span.length for span in spans) + sum(span.offset for span in spans[1:])
    if width > limits.BUCKETS or any(span.offset < 0 for span in spans[1:]):
        raise _BadError(f"a histogram is wider than {limits.BUCKETS} buckets, or its spans overlap")
    filled: list[int] = []
    at = 0
    for number, span in enumerate(spans):
        filled += [0] * (span.offset if number else 0)
        filled += told[at : at + span.length]
        at += span.length
    return spans[0].offset, filled


def _running(deltas: Sequence[int]) -> list[int]:
    found, now = [], 0
    for delta in deltas:
        now += delta
        found.append(_whole(now))
    return found


def _whole(value: float) -> int:
    if not math.isfinite(value) or not 0 <= value <= limits.INT64_MAX:
        raise _BadError("a count of a histogram is out of range")
    return round(value)
