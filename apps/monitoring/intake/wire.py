"""Message classes for decoding: the OTLP schema, with the parts worth caching left as bytes.

A KeyValue, Resource, InstrumentationScope or AnyValue read as bytes is wire-compatible with the
message it holds, costs no attribute access, and is a dictionary key. Most of them repeat from item
to item, so each distinct one is decoded once. Items themselves (spans, records, metrics) are bytes
too: parsing a 64 MiB request in one call would hold the interpreter lock for 100 ms.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_AS_BYTES = {
    ".opentelemetry.proto.common.v1.KeyValue",
    ".opentelemetry.proto.common.v1.AnyValue",
    ".opentelemetry.proto.common.v1.InstrumentationScope",
    ".opentelemetry.proto.resource.v1.Resource",
    ".opentelemetry.proto.trace.v1.Span",
    ".opentelemetry.proto.logs.v1.LogRecord",
    ".opentelemetry.proto.metrics.v1.Metric",
}
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES


def _loosen(message: Any) -> None:
    for field in message.field:
        if field.type_name in _AS_BYTES:
            field.ClearField("type_name")
            field.type = _BYTES
    for nested in message.nested_type:
        _loosen(nested)


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in (trace_pb2, logs_pb2, metrics_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _loosen(message)
        del file.dependency[:]
        pool.Add(file)
    return pool


_POOL = _pool()


def _raw(name: str) -> Any:
    descriptor = _POOL.FindMessageTypeByName(f"opentelemetry.proto.{name}")
    return message_factory.GetMessageClass(descriptor)


# `*Data` holds the same field 1 as `Export*ServiceRequest`; they are interchangeable on the wire.
TracesData = _raw("trace.v1.TracesData")
LogsData = _raw("logs.v1.LogsData")
MetricsData = _raw("metrics.v1.MetricsData")
Span = _raw("trace.v1.Span")
LogRecord = _raw("logs.v1.LogRecord")
Metric = _raw("metrics.v1.Metric")

KeyValue = common_pb2.KeyValue
AnyValue = common_pb2.AnyValue
InstrumentationScope = common_pb2.InstrumentationScope
Resource = resource_pb2.Resource

TraceRequest = trace_service_pb2.ExportTraceServiceRequest
LogsRequest = logs_service_pb2.ExportLogsServiceRequest
MetricsRequest = metrics_service_pb2.ExportMetricsServiceRequest
TraceResponse = trace_service_pb2.ExportTraceServiceResponse
LogsResponse = logs_service_pb2.ExportLogsServiceResponse
MetricsResponse = metrics_service_pb2.ExportMetricsServiceResponse
