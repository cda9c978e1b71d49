"""ExportTraceServiceRequest → Span rows."""

from typing import Any

from apps.monitoring.intake import limits, wire
from apps.monitoring.intake.decoding import Decoding
from apps.monitoring.intake.values import clean, member
from apps.monitoring.store.rows import Resource, Span

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
# Column ranges; OTLP's enums are open and may carry any int32.
_KINDS = range(6)
_STATUSES = range(3)


def decode(body: bytes, decoding: Decoding) -> None:
    """Append every valid span of `body`. Raises DecodeError when it is no such message."""
    parse = wire.Span.FromString
    for of_resource in wire.TracesData.FromString(body).resource_spans:
        resource = decoding.resource(of_resource.resource)
        for of_scope in of_resource.scope_spans:
            scope = decoding.scope_members(of_scope.scope)
            for raw in of_scope.spans:
                _append(parse(raw), resource, scope, decoding)


def _append(span: Any, resource: Resource, scope: list[bytes], decoding: Decoding) -> None:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return decoding.refuse("trace id is not 16 bytes or is zero")
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return decoding.refuse("span id is not 8 bytes or is zero")
    if parent_id and len(parent_id) != 8:
        return decoding.refuse("parent span id is not 8 bytes")
    if not start_ns or max(start_ns, end_ns) > limits.INT64_MAX:
        return decoding.refuse("start time is absent or a time is out of range")
    if end_ns < start_ns:
        end_ns = start_ns
        decoding.warn("spans ended before they started, stored with duration 0")
    more, status = scope, 0
    if span.HasField("status"):
        status, more = _status(span.status, more)
    if span.trace_state:
        text = clean(span.trace_state)[: limits.VALUE_BYTES]
        more = [*more, member("w3c.tracestate", text)]
    decoding.batch.spans.append(
        Span(
            resource,
            trace_id,
            span_id,
            parent_id if parent_id and parent_id != _NO_SPAN else None,
            decoding.name(span.name),
            span.kind if span.kind in _KINDS else 0,
            start_ns,
            end_ns,
            status,
            decoding.key_values.packed(span.attributes, more),
            _events(span, decoding) if span.events else None,
            _links(span, decoding) if span.links else None,
        )
    )
    return None


def _status(status: Any, more: list[bytes]) -> tuple[int, list[bytes]]:
    if status.message:
        text = clean(status.message)[: limits.VALUE_BYTES]
        more = [*more, member("otel.status_description", text)]
    code: int = status.code
    return code if code in _STATUSES else 0, more


def _events(span: Any, decoding: Decoding) -> list[dict[str, Any]]:
    if len(span.events) > limits.EVENTS:
        decoding.warn("events beyond 128 of a span dropped", len(span.events) - limits.EVENTS)
    return [
        {
            "name": decoding.name(event.name),
            "time_ns": event.time_unix_nano,
            "attrs": decoding.key_values.attributes(event.attributes),
        }
        for event in span.events[: limits.EVENTS]
    ]


def _links(span: Any, decoding: Decoding) -> list[dict[str, Any]]:
    if len(span.links) > limits.LINKS:
        decoding.warn("links beyond 128 of a span dropped", len(span.links) - limits.LINKS)
    return [
        {
            "trace_id": link.trace_id.hex(),
            "span_id": link.span_id.hex(),
            "attrs": decoding.key_values.attributes(link.attributes),
        }
        for link in span.links[: limits.LINKS]
        if len(link.trace_id) == 16 and len(link.span_id) == 8
    ]
