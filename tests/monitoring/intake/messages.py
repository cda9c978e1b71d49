"""OTLP messages for tests and benchmarks, built with the official classes."""

import os
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

SCOPE = InstrumentationScope(name="tests")


def attribute(key: str, value: object) -> KeyValue:
    """A KeyValue from a Python value."""
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    kinds[bytes] = "bytes_value"
    return KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))


def attributes(**values: object) -> list[KeyValue]:
    return [attribute(key.replace("__", "."), value) for key, value in values.items()]


def resource(service: str = "shop", **more: object) -> Resource:
    return Resource(attributes=attributes(service__name=service, **more))


def span(**changes: object) -> Span:
    now = time.time_ns()
    fields: dict = {
        "trace_id": os.urandom(16),
        "span_id": os.urandom(8),
        "name": "GET /events",
        "kind": Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": now - 5_000_000,
        "end_time_unix_nano": now,
    }
    return Span(**{**fields, **changes})


def traces(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=resource(service), scope_spans=[ScopeSpans(scope=SCOPE, spans=spans)]
            )
        ]
    )


def record(body: str = "booking_success", **changes: object) -> LogRecord:
    fields: dict = {
        "time_unix_nano": time.time_ns(),
        "severity_number": 9,
        "body": AnyValue(string_value=body),
    }
    return LogRecord(**{**fields, **changes})


def logs(*records: LogRecord, service: str = "shop") -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=resource(service), scope_logs=[ScopeLogs(scope=SCOPE, log_records=records)]
            )
        ]
    )


def point(value: float = 1.0, labels: dict | None = None, **changes: object) -> NumberDataPoint:
    fields: dict = {
        "time_unix_nano": time.time_ns(),
        "as_double": value,
        "attributes": attributes(**(labels or {})),
    }
    return NumberDataPoint(**{**fields, **changes})


def gauge(*points: NumberDataPoint, name: str = "queue.length") -> Metric:
    return Metric(name=name, unit="1", gauge=Gauge(data_points=points))


def metrics(*of: Metric, service: str = "shop") -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=resource(service), scope_metrics=[ScopeMetrics(scope=SCOPE, metrics=of)]
            )
        ]
    )


def typical_spans(count: int = 512) -> ExportTraceServiceRequest:
    """What an instrumented web service sends: repeating names, a few unique attributes."""
    return traces(
        *(
            span(
                parent_span_id=os.urandom(8),
                name=f"GET /events/{{id}}#{i % 20}",
                attributes=attributes(
                    http__request__method="GET",
                    http__route=f"/events/{i % 20}",
                    http__response__status_code=200,
                    url__path=f"/events/{i}",
                    server__address="127.0.0.1",
                    server__port=8001,
                    network__protocol__version="1.1",
                    user_agent__original="python-requests/2.34",
                ),
            )
            for i in range(count)
        )
    )


def typical_logs(count: int = 512) -> ExportLogsServiceRequest:
    return logs(
        *(
            record(
                f"booking_success event={i} seats={i % 7} user=u{i % 100}: stock was reduced",
                trace_id=os.urandom(16),
                span_id=os.urandom(8),
                attributes=attributes(
                    code__file__path="/srv/shop/views.py",
                    code__line__number=100 + i % 30,
                    code__function__name="book",
                    event_id=i,
                ),
            )
            for i in range(count)
        )
    )


def typical_samples(count: int = 5_000, metric_count: int = 10) -> ExportMetricsServiceRequest:
    each = count // metric_count
    return metrics(
        *(
            gauge(
                *(
                    point(
                        float(i),
                        {"host__name": f"h{i % 50}", "state": f"s{i // 50}", "device": "eth0"},
                        start_time_unix_nano=time.time_ns() - 10**9,
                    )
                    for i in range(each)
                ),
                name=f"bench.metric.{m}",
            )
            for m in range(metric_count)
        )
    )
