"""The store's rows as OTLP protobuf again."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from apps.monitoring.forward.base import LOGS, METRICS, TRACES
from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Kind,
    LogRecord,
    Metric,
    Resource,
    Sample,
    Series,
    Span,
)

_INT64: Final = 1 << 63
_SPELLED: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# Where the intake keeps what OTLP has fields for.
_STATUS_TEXT: Final = "otel.status_description"
_TRACESTATE: Final = "w3c.tracestate"


def rows_of(signal: str, batches: Iterable[Batch]) -> list[Any]:
    """Every row of one signal."""
    if signal == METRICS:
        return [row for batch in batches for row in (*batch.samples, *batch.histograms)]
    name = "spans" if signal == TRACES else "logs"
    return [row for batch in batches for row in getattr(batch, name)]


def encode(signal: str, rows: Sequence[Any]) -> bytes:
    """The body of an export request."""
    return _ENCODERS[signal](rows)


def value(of: Any) -> common_pb2.AnyValue:
    """A JSON value as AnyValue; what int64 cannot hold becomes text."""
    message = common_pb2.AnyValue()
    if isinstance(of, str):
        message.string_value = of
    elif isinstance(of, bool):
        message.bool_value = of
    elif isinstance(of, int) and -_INT64 <= of < _INT64:
        message.int_value = of
    elif isinstance(of, int):
        message.string_value = str(of)
    elif isinstance(of, float):
        message.double_value = of
    elif isinstance(of, Mapping):
        message.kvlist_value.SetInParent()
        message.kvlist_value.values.extend(pairs(of))
    elif isinstance(of, list | tuple):
        message.array_value.SetInParent()
        message.array_value.values.extend(map(value, of))
    return message


def pairs(attrs: Mapping[str, Any]) -> list[common_pb2.KeyValue]:
    """Attributes as key and value messages."""
    return [common_pb2.KeyValue(key=str(key), value=value(of)) for key, of in attrs.items()]


def _packed(message: Message) -> bytes:
    packed: bytes = message.SerializeToString()
    return packed


def _by_resource(rows: Iterable[Any], resource_of: Callable[[Any], Resource]) -> list[Any]:
    groups: dict[Any, tuple[Resource, list[Any]]] = {}
    for row in rows:
        resource = resource_of(row)
        groups.setdefault(resource.hash, (resource, []))[1].append(row)
    return list(groups.values())


def _resource(of: Resource) -> resource_pb2.Resource:
    return resource_pb2.Resource(attributes=pairs(of.attrs))


def _spans(rows: Sequence[Span]) -> bytes:
    groups = _by_resource(rows, lambda row: row.resource)
    message = trace_pb2.TracesData(
        resource_spans=[
            trace_pb2.ResourceSpans(
                resource=_resource(resource),
                scope_spans=[trace_pb2.ScopeSpans(spans=[_span(row) for row in members])],
            )
            for resource, members in groups
        ]
    )
    return _packed(message)


def _span(row: Span) -> trace_pb2.Span:
    attrs = dict(row.attrs)
    status: Any = row.status
    state = str(attrs.pop(_TRACESTATE, ""))
    text = str(attrs.pop(_STATUS_TEXT, ""))
    kind: Any = row.kind
    return trace_pb2.Span(
        trace_id=row.trace_id, span_id=row.span_id, parent_span_id=row.parent_id or b"",
        name=row.name, kind=kind, start_time_unix_nano=row.start_ns, end_time_unix_nano=row.end_ns,
        attributes=pairs(attrs), trace_state=state,
        status=trace_pb2.Status(code=status, message=text),
        events=[
            trace_pb2.Span.Event(
                name=event["name"], time_unix_nano=event["time_ns"],
                attributes=pairs(event.get("attrs") or {}),
            )
            for event in row.events or ()
        ],
        links=[
            trace_pb2.Span.Link(
                trace_id=bytes.fromhex(link["trace_id"]), span_id=bytes.fromhex(link["span_id"]),
                attributes=pairs(link.get("attrs") or {}),
            )
            for link in row.links or ()
        ],
    )  # fmt: skip


def _logs(rows: Sequence[LogRecord]) -> bytes:
    groups = _by_resource(rows, lambda row: row.resource)
    message = logs_pb2.LogsData(
        resource_logs=[
            logs_pb2.ResourceLogs(
                resource=_resource(resource),
                scope_logs=[logs_pb2.ScopeLogs(log_records=[_log(row) for row in members])],
            )
            for resource, members in groups
        ]
    )
    return _packed(message)


def _log(row: LogRecord) -> logs_pb2.LogRecord:
    severity: Any = row.severity
    return logs_pb2.LogRecord(
        time_unix_nano=row.time_ns, observed_time_unix_nano=row.observed_ns,
        severity_number=severity, body=value(row.body), attributes=pairs(row.attrs),
        trace_id=row.trace_id or b"", span_id=row.span_id or b"",
    )  # fmt: skip


def _metrics(rows: Sequence[Sample | Histogram]) -> bytes:
    found = []
    for resource, members in _by_resource(rows, lambda row: row.series.resource):
        metrics: dict[Any, metrics_pb2.Metric] = {}
        for row in members:
            _point(metrics, row)
        scope = metrics_pb2.ScopeMetrics(metrics=list(metrics.values()))
        found.append(
            metrics_pb2.ResourceMetrics(resource=_resource(resource), scope_metrics=[scope])
        )
    return _packed(metrics_pb2.MetricsData(resource_metrics=found))


def _point(metrics: dict[Any, metrics_pb2.Metric], row: Sample | Histogram) -> None:
    of = row.series.metric
    exponential = isinstance(row, Histogram) and row.scale is not None
    message = metrics.get((of, exponential))
    if message is None:
        message = metrics_pb2.Metric(name=of.name, unit=of.unit, description=of.description)
        metrics[of, exponential] = message
    if isinstance(row, Sample):
        _sample(message, of, row)
    elif exponential:
        _exponential(message, of, row)
    else:
        _explicit(message, of, row)


def _sample(message: metrics_pb2.Metric, of: Metric, row: Sample) -> None:
    point = metrics_pb2.NumberDataPoint(
        attributes=_labels(row.series), time_unix_nano=row.time_ns,
        start_time_unix_nano=row.start_ns, as_double=row.value,
    )  # fmt: skip
    if of.kind is not Kind.SUM:
        message.gauge.data_points.append(point)
        return
    _temporality(message.sum, of)
    message.sum.is_monotonic = of.monotonic
    message.sum.data_points.append(point)


def _explicit(message: metrics_pb2.Metric, of: Metric, row: Histogram) -> None:
    _temporality(message.histogram, of)
    message.histogram.data_points.append(
        metrics_pb2.HistogramDataPoint(
            attributes=_labels(row.series), start_time_unix_nano=row.start_ns,
            time_unix_nano=row.time_ns, count=row.count, sum=row.sum, min=row.min, max=row.max,
            bucket_counts=row.positive, explicit_bounds=row.bounds or (),
            exemplars=_exemplars(row),
        )
    )  # fmt: skip


def _exponential(message: metrics_pb2.Metric, of: Metric, row: Histogram) -> None:
    _temporality(message.exponential_histogram, of)
    sides = metrics_pb2.ExponentialHistogramDataPoint.Buckets
    message.exponential_histogram.data_points.append(
        metrics_pb2.ExponentialHistogramDataPoint(
            attributes=_labels(row.series), start_time_unix_nano=row.start_ns,
            time_unix_nano=row.time_ns, count=row.count, sum=row.sum, min=row.min, max=row.max,
            scale=row.scale or 0, zero_count=row.zero,
            positive=sides(offset=row.offset, bucket_counts=row.positive),
            negative=sides(offset=row.negative_offset, bucket_counts=row.negative),
            exemplars=_exemplars(row),
        )
    )  # fmt: skip


def _temporality(data: Any, of: Metric) -> None:
    # The two enumerations share their numbers.
    data.aggregation_temporality = int(of.temporality)


def _labels(series: Series) -> list[common_pb2.KeyValue]:
    return pairs(series.attrs)


def _exemplars(row: Histogram) -> list[metrics_pb2.Exemplar]:
    return [
        metrics_pb2.Exemplar(
            time_unix_nano=one["time_ns"], as_double=_float(one["value"]),
            trace_id=bytes.fromhex(one["trace_id"]), span_id=bytes.fromhex(one["span_id"]),
            filtered_attributes=pairs(one.get("attrs") or {}),
        )
        for one in row.exemplars or ()
    ]  # fmt: skip


def _float(number: float | str) -> float:
    return _SPELLED[number] if isinstance(number, str) else number


_ENCODERS: Final[dict[str, Callable[[Any], bytes]]] = {
    TRACES: _spans,
    LOGS: _logs,
    METRICS: _metrics,
}
