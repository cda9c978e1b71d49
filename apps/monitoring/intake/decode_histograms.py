"""Histogram data points, explicit and exponential, → Histogram rows."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from apps.monitoring.intake import limits
from apps.monitoring.intake.decoding import BAD_TIME, NO_RECORDED_VALUE, Decoding
from apps.monitoring.intake.series_cache import SeriesLookup, Stream
from apps.monitoring.intake.values import number
from apps.monitoring.store.rows import Histogram, Series

_FIGURES: Final = ("sum", "min", "max")


def decode(kind: str, points: Sequence[Any], stream: Stream, lookup: SeriesLookup) -> None:
    """Append the points of one metric; `kind` is "histogram" or "exponential_histogram"."""
    build = _exponential if kind == "exponential_histogram" else _explicit
    decoding, name = lookup.decoding, stream.metric.name
    for point in points:
        if point.flags & NO_RECORDED_VALUE:
            continue
        if not 0 < point.time_unix_nano <= limits.INT64_MAX:
            decoding.refuse(BAD_TIME, 1, name)
            continue
        if point.count > limits.INT64_MAX:
            decoding.refuse("count is out of range", 1, name)
            continue
        key = tuple(point.attributes)
        series = stream.series.get(key) or lookup.new(stream, key)
        if series is None:
            continue
        row = build(point, series, decoding)
        if isinstance(row, str):
            decoding.refuse(row, 1, name)
        else:
            decoding.batch.histograms.append(row)


def _explicit(point: Any, series: Series, decoding: Decoding) -> Histogram | str:
    """One row, or why there is none."""
    bounds, counts = tuple(point.explicit_bounds), list(point.bucket_counts)
    if not counts and not bounds:
        counts = [point.count]
    if len(counts) != len(bounds) + 1 or not _rising(bounds):
        return "bucket counts do not fit the bounds, or the bounds do not rise"
    if len(counts) > limits.BUCKETS or max(counts) > limits.INT64_MAX:
        return "too many buckets, or a bucket count is out of range"
    return Histogram(
        series,
        min(point.start_time_unix_nano, point.time_unix_nano),
        point.time_unix_nano,
        point.count,
        *_figures(point),
        scale=None,
        zero=0,
        offset=0,
        positive=counts,
        bounds=bounds,
        exemplars=exemplars(point, decoding),
    )


@lru_cache(maxsize=1024)
def _rising(bounds: tuple[float, ...]) -> bool:
    return all(map(math.isfinite, bounds)) and all(low < high for low, high in pairwise(bounds))


def _exponential(point: Any, series: Series, decoding: Decoding) -> Histogram | str:
    """One row, or why there is none."""
    positive, negative = list(point.positive.bucket_counts), list(point.negative.bucket_counts)
    if not -10 <= point.scale <= 20:
        return "scale is outside -10 to 20"
    if len(positive) + len(negative) > limits.BUCKETS:
        return f"more than {limits.BUCKETS} buckets"
    if max(point.zero_count, *positive, *negative, 0) > limits.INT64_MAX:
        return "a bucket count is out of range"
    return Histogram(
        series,
        min(point.start_time_unix_nano, point.time_unix_nano),
        point.time_unix_nano,
        point.count,
        *_figures(point),
        scale=point.scale,
        zero=point.zero_count,
        offset=point.positive.offset,
        positive=positive,
        negative_offset=point.negative.offset,
        negative=negative,
        exemplars=exemplars(point, decoding),
    )


def _figures(point: Any) -> tuple[float | None, float | None, float | None]:
    """Sum, min and max; None where absent or not finite."""
    figures = (getattr(point, name) if point.HasField(name) else None for name in _FIGURES)
    total, low, high = (f if f is not None and math.isfinite(f) else None for f in figures)
    return total, low, high


def exemplars(point: Any, decoding: Decoding) -> list[dict[str, Any]] | None:
    """The last exemplars of any data point; None without one."""
    if not point.exemplars:
        return None
    return [
        {
            "time_ns": exemplar.time_unix_nano,
            "value": number(exemplar.as_double or exemplar.as_int),
            "trace_id": exemplar.trace_id.hex(),
            "span_id": exemplar.span_id.hex(),
            "attrs": decoding.key_values.attributes(exemplar.filtered_attributes),
        }
        for exemplar in point.exemplars[-limits.EXEMPLARS :]
    ]
