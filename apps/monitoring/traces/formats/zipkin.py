"""Zipkin's v2 JSON, as its server gives it at /api/v2/traces.

The mapping from OpenTelemetry is that of the specification (transformation to Zipkin).
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from apps.monitoring.traces.formats.whole import WholeTrace, hex_id
from apps.monitoring.traces.reading import Details, TraceSpan
from apps.monitoring.traces.tree import CLIENT, CONSUMER, PRODUCER, SERVER

_KINDS: Final = {
    SERVER: "SERVER", CLIENT: "CLIENT", PRODUCER: "PRODUCER", CONSUMER: "CONSUMER",
}  # fmt: skip
_STATUSES: Final = {1: "OK", 2: "ERROR"}
# Whom a call went to, best first.
_PEERS: Final = (
    "peer.service", "server.address", "net.peer.name", "network.peer.address",
    "server.socket.domain", "server.socket.address", "net.sock.peer.addr",
    "peer.hostname", "peer.address", "db.name",
)  # fmt: skip


def document(traces: Sequence[WholeTrace]) -> list[list[dict[str, Any]]]:
    """The answer of /api/v2/traces: a list of spans for each trace."""
    return [
        [_span(whole.trace.id.hex, span, details) for span, details in whole.spans]
        for whole in traces
    ]


def _span(trace_id: str, span: TraceSpan, details: Details) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": trace_id,
        "id": hex_id(span.span_id),
        "name": span.name,
        "timestamp": span.start_us,
        # 0 would mean "not known yet".
        "duration": max(span.duration_us, 1),
        "localEndpoint": {"serviceName": span.service},
        "tags": _tags(span, details),
    }
    if span.parent_id is not None:
        found["parentId"] = hex_id(span.parent_id)
    if span.kind in _KINDS:
        found["kind"] = _KINDS[span.kind]
    if span.kind in (CLIENT, PRODUCER) and (peer := _peer(details.attrs)):
        found["remoteEndpoint"] = {"serviceName": peer}
    if details.events:
        found["annotations"] = [
            {"timestamp": event["time_ns"] // 1000, "value": _annotation(event)}
            for event in details.events
        ]
    return found


def _tags(span: TraceSpan, details: Details) -> dict[str, str]:
    tags = {key: _text(value) for key, value in details.attrs.items()}
    told = tags.pop("otel.status_description", "")
    if status := _STATUSES.get(span.status):
        tags["otel.status_code"] = status
    # Whatever its value, a tag `error` marks the span as failed.
    if span.failed:
        tags["error"] = told or "true"
    else:
        tags.pop("error", None)
    return tags


def _peer(attrs: dict[str, Any]) -> str:
    return next((str(attrs[name]) for name in _PEERS if attrs.get(name)), "")


def _annotation(event: dict[str, Any]) -> str:
    name, attrs = str(event["name"]), event["attrs"]
    return f'"{name}": {_text(attrs)}' if attrs else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
