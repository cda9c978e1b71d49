"""Jaeger's JSON, as its query service gives it at /api/traces and its UI loads from a file.

The mapping from OpenTelemetry is that of the specification (compatibility with Jaeger).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from apps.monitoring.traces.formats.whole import WholeTrace, hex_id
from apps.monitoring.traces.reading import Details, TraceSpan, kind_name

_STATUSES: Final = {1: "OK", 2: "ERROR"}
_SAMPLED: Final = 1
# JavaScript and Jaeger's int64 differ: what a reader would round is text.
_EXACT: Final = range(-(2**53) + 1, 2**53)


def document(traces: Sequence[WholeTrace]) -> dict[str, Any]:
    """The answer of /api/traces."""
    found = [_trace(whole) for whole in traces]
    return {"data": found, "total": len(found), "limit": 0, "offset": 0, "errors": None}


def _trace(whole: WholeTrace) -> dict[str, Any]:
    places: dict[int, str] = {}
    processes: dict[str, Any] = {}
    spans = []
    for span, details in whole.spans:
        if span.place not in places:
            places[span.place] = f"p{len(places) + 1}"
            attrs = whole.resources.get(span.place, {})
            tags = _tags({key: attrs[key] for key in attrs if key != "service.name"})
            processes[places[span.place]] = {"serviceName": span.service, "tags": tags}
        spans.append(_span(whole.trace.id.hex, span, details, places[span.place]))
    warnings = ["The trace has more spans than are here."] if whole.trace.truncated else None
    return {
        "traceID": whole.trace.id.hex,
        "spans": spans,
        "processes": processes,
        "warnings": warnings,
    }


def _span(trace_id: str, span: TraceSpan, details: Details, process: str) -> dict[str, Any]:
    references = []
    if span.parent_id is not None:
        references.append(_reference("CHILD_OF", trace_id, hex_id(span.parent_id)))
    references += [
        _reference("FOLLOWS_FROM", link["trace_id"], link["span_id"]) for link in details.links
    ]
    told: dict[str, Any] = dict(details.attrs)
    if kind := kind_name(span.kind):
        told["span.kind"] = kind
    if status := _STATUSES.get(span.status):
        told["otel.status_code"] = status
    if span.failed:
        told["error"] = True
    return {
        "traceID": trace_id,
        "spanID": hex_id(span.span_id),
        "flags": _SAMPLED,
        "operationName": span.name,
        "references": references,
        "startTime": span.start_us,
        "duration": max(span.duration_us, 0),
        "tags": _tags(told),
        "logs": [
            {
                "timestamp": event["time_ns"] // 1000,
                "fields": _tags({"event": event["name"], **event["attrs"]}),
            }
            for event in details.events
        ],
        "processID": process,
        "warnings": None,
    }


def _reference(kind: str, trace_id: str, span_id: str) -> dict[str, str]:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def _tags(attrs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, **_value(value)} for key, value in attrs.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"type": "bool", "value": value}
    if isinstance(value, int) and value in _EXACT:
        return {"type": "int64", "value": value}
    if isinstance(value, float):
        return {"type": "float64", "value": value}
    if isinstance(value, str):
        return {"type": "string", "value": value}
    return {"type": "string", "value": orjson.dumps(value).decode()}
