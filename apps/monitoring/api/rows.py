"""Log lines and root spans as programs get them, and the pages' scripts too."""

from typing import Any, TypedDict

from apps.core.api.renderers import utc_text
from apps.monitoring.queries.logs import LogLine
from apps.monitoring.queries.traces import RootSpan


class LogRow(TypedDict):
    """One log line; `cut` when its body or attributes are longer than shown."""

    id: str
    ts: str
    service: str
    level: str
    severity: int
    body: str
    body_length: int
    cut: bool
    trace_id: str | None
    span_id: str | None
    attrs: dict[str, Any] | None


class RootRow(TypedDict):
    """One trace by its root span."""

    id: str
    ts: str
    trace_id: str
    span_id: str
    service: str
    name: str
    kind: str
    failed: bool
    duration_us: int


def log_row(line: LogLine) -> LogRow:
    """JSON-ready."""
    return {
        "id": line.place.id,
        "ts": utc_text(line.ts),
        "service": line.service,
        "level": line.level,
        "severity": line.severity,
        "body": line.body,
        "body_length": line.body_length,
        "cut": line.cut,
        "trace_id": line.trace_id.hex if line.trace_id else None,
        "span_id": None if line.span_id is None else span_hex(line.span_id),
        "attrs": line.attrs,
    }


def root_row(span: RootSpan) -> RootRow:
    """JSON-ready."""
    return {
        "id": span.place.id,
        "ts": utc_text(span.ts),
        "trace_id": span.trace_id.hex,
        "span_id": span_hex(span.span_id),
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "failed": span.failed,
        "duration_us": span.duration_us,
    }


def span_hex(number: int) -> str:
    """A span id as OpenTelemetry writes it; PostgreSQL keeps it as a signed number."""
    return f"{number & 0xFFFFFFFFFFFFFFFF:016x}"
