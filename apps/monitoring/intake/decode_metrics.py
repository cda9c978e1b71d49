"""ExportMetricsServiceRequest → Sample and Histogram rows."""

import math
from collections.abc import Sequence
from typing import Any

from apps.monitoring.intake import decode_histograms, limits, wire
from apps.monitoring.intake.decode_histograms import exemplars
from apps.monitoring.intake.decoding import BAD_TIME, NO_RECORDED_VALUE, Decoding
from apps.monitoring.intake.series_cache import Owner, SeriesLookup, Stream
from apps.monitoring.store.rows import Kind, Sample, Temporality


def decode(body: bytes, decoding: Decoding) -> None:
    """Append every valid data point of `body`. Raises DecodeError when it is no such message."""
    parse = wire.Metric.FromString
    with SeriesLookup(decoding) as lookup:
        for of_resource in wire.MetricsData.FromString(body).resource_metrics:
            resource = decoding.resource(of_resource.resource)
            for of_scope in of_resource.scope_metrics:
                scope = decoding.scope(of_scope.scope)
                owner = (resource, scope.get("otel.scope.name", ""))
                for raw in of_scope.metrics:
                    _metric(parse(raw), owner, lookup)


def _metric(metric: Any, owner: Owner, lookup: SeriesLookup) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return None
    data = getattr(metric, kind)
    points = data.data_points
    if not points:
        return None
    if not metric.name or len(metric.name.encode()) > limits.METRIC_NAME_BYTES:
        lookup.refuse("metric name is empty or longer than 255 bytes", len(points))
    elif kind == "summary":
        _summary(metric, owner, points, lookup)
    elif kind == "gauge":
        _numbers(points, lookup.stream(owner, metric, Kind.GAUGE), lookup)
    elif data.aggregation_temporality not in {1, 2}:
        lookup.refuse("aggregation temporality is not set", len(points), metric.name)
    elif kind == "sum":
        temporality, monotonic = data.aggregation_temporality, data.is_monotonic
        stream = lookup.stream(owner, metric, Kind.SUM, temporality, monotonic=monotonic)
        _numbers(points, stream, lookup)
    else:
        stream = lookup.stream(owner, metric, Kind.HISTOGRAM, data.aggregation_temporality)
        if stream is None:
            return lookup.too_many(len(points))
        decode_histograms.decode(kind, points, stream, lookup)
    return None


def _numbers(points: Sequence[Any], stream: Stream | None, lookup: SeriesLookup) -> None:
    if stream is None:
        return lookup.too_many(len(points))
    known = stream.series.get
    append = lookup.decoding.batch.samples.append
    for point in points:
        key = tuple(point.attributes)
        series = known(key) or lookup.new(stream, key)
        # An unset as_double reads 0.0; then as_int holds the value, or 0 as well.
        value = point.as_double or point.as_int
        time_ns = point.time_unix_nano
        if series is None:
            continue
        if not 0 < time_ns <= limits.INT64_MAX:
            lookup.refuse(BAD_TIME, 1, stream.metric.name)
            continue
        if point.flags & NO_RECORDED_VALUE:
            value = math.nan
        elif not value and point.WhichOneof("value") is None:
            lookup.refuse("value is absent", 1, stream.metric.name)
            continue
        elif not math.isfinite(value):
            lookup.decoding.warn("values not finite, stored as unknown")
        start_ns = point.start_time_unix_nano
        append(
            Sample(
                series, time_ns, float(value), start_ns if start_ns <= time_ns else 0,
                exemplars(point, lookup.decoding) if point.exemplars else None,
            )
        )  # fmt: skip
    return None


def _summary(metric: Any, owner: Owner, points: Sequence[Any], lookup: SeriesLookup) -> None:
    """Quantiles of a summary cannot be merged: they are kept as gauges with a `quantile`."""
    quantiles = lookup.stream(owner, metric, Kind.GAUGE)
    counts, sums = (
        lookup.stream(
            owner, metric, Kind.SUM, Temporality.CUMULATIVE, monotonic=True, suffix=suffix
        )
        for suffix in (".count", ".sum")
    )
    if quantiles is None or counts is None or sums is None:
        return lookup.too_many(len(points))
    append = lookup.decoding.batch.samples.append
    for point in points:
        time_ns = point.time_unix_nano
        if point.flags & NO_RECORDED_VALUE:
            continue
        if not 0 < time_ns <= limits.INT64_MAX:
            lookup.refuse(BAD_TIME, 1, metric.name)
            continue
        start_ns = min(point.start_time_unix_nano, time_ns)
        key = tuple(point.attributes)
        count = counts.series.get(key) or lookup.new(counts, key)
        if count is None:
            continue
        append(Sample(count, time_ns, float(point.count), start_ns))
        total = sums.series.get(key) or lookup.new(sums, key)
        if total is not None and math.isfinite(point.sum):
            append(Sample(total, time_ns, point.sum, start_ns))
        for entry in point.quantile_values[: limits.QUANTILES]:
            full_key = (*key, quantile_attribute(entry.quantile))
            series = quantiles.series.get(full_key) or lookup.new(quantiles, full_key)
            if series is not None and math.isfinite(entry.value):
                append(Sample(series, time_ns, entry.value))
    return None


def quantile_attribute(quantile: float) -> bytes:
    """The encoded attribute that tells a summary's quantiles apart."""
    encoded: bytes = wire.KeyValue(
        key="quantile", value=wire.AnyValue(string_value=repr(quantile))
    ).SerializeToString()
    return encoded
