"""OTLP/JSON: opentelemetry-proto's TracesData, ids in hexadecimal, 64-bit numbers as text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apps.monitoring.traces.formats.whole import WholeTrace, hex_id
from apps.monitoring.traces.reading import Details, TraceSpan

_SCOPE: Final = "otel.scope.name"
_STATE: Final = "w3c.tracestate"
_TOLD: Final = "otel.status_description"
# Where these columns and attributes came from when the span was taken in.
_OWN: Final = frozenset((_SCOPE, _STATE, _TOLD))
_INT64: Final = range(-(2**63), 2**63)


def document(traces: Sequence[WholeTrace]) -> dict[str, Any]:
    """Spans by resource and scope, as a collector would send them."""
    groups: dict[int, dict[str, list[dict[str, Any]]]] = {}
    resources: dict[int, dict[str, Any]] = {}
    for whole in traces:
        resources |= whole.resources
        for span, details in whole.spans:
            scope = str(details.attrs.get(_SCOPE, ""))
            of_resource = groups.setdefault(span.place, {})
            of_resource.setdefault(scope, []).append(_span(whole.trace.id.hex, span, details))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(resources.get(place, {}))},
                "scopeSpans": [
                    {"scope": {"name": scope} if scope else {}, "spans": spans}
                    for scope, spans in scopes.items()
                ],
            }
            for place, scopes in groups.items()
        ]
    }


def _span(trace_id: str, span: TraceSpan, details: Details) -> dict[str, Any]:
    attrs = details.attrs
    found: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": hex_id(span.span_id),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_us * 1000),
        "endTimeUnixNano": str((span.start_us + span.duration_us) * 1000),
        "attributes": attributes({k: v for k, v in attrs.items() if k not in _OWN}),
        "status": {"code": span.status}
        | ({"message": str(attrs[_TOLD])} if attrs.get(_TOLD) else {}),
    }
    if span.parent_id is not None:
        found["parentSpanId"] = hex_id(span.parent_id)
    if attrs.get(_STATE):
        found["traceState"] = str(attrs[_STATE])
    if details.events:
        found["events"] = [
            {
                "timeUnixNano": str(event["time_ns"]),
                "name": event["name"],
                "attributes": attributes(event["attrs"]),
            }
            for event in details.events
        ]
    if details.links:
        found["links"] = [
            {
                "traceId": link["trace_id"],
                "spanId": link["span_id"],
                "attributes": attributes(link["attrs"]),
            }
            for link in details.links
        ]
    return found


def attributes(attrs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """KeyValue messages."""
    return [{"key": key, "value": any_value(value)} for key, value in attrs.items()]


def any_value(value: Any) -> dict[str, Any]:
    """An AnyValue message; {} for null."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and value in _INT64:
        return {"intValue": str(value)}
    if isinstance(value, int | float):
        return {"doubleValue": float(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {} if value is None else {"stringValue": str(value)}
