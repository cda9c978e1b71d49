"""ExportLogsServiceRequest → LogRecord rows."""

import time
from typing import Any, Final

from apps.monitoring.intake import limits, wire
from apps.monitoring.intake.decoding import Decoding
from apps.monitoring.intake.values import as_text, clean, cut, member, plain
from apps.monitoring.store.rows import LogRecord, Resource

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_SEVERITIES = range(25)
# For senders that give only the text; OpenTelemetry's first number of each range.
_BY_TEXT: Final = {
    "TRACE": 1, "DEBUG": 5, "INFO": 9, "NOTICE": 10, "WARN": 13, "WARNING": 13,
    "ERROR": 17, "CRITICAL": 21, "FATAL": 21, "EMERGENCY": 24,
}  # fmt: skip


def decode(body: bytes, decoding: Decoding) -> None:
    """Append every valid record of `body`. Raises DecodeError when it is no such message."""
    parse = wire.LogRecord.FromString
    for of_resource in wire.LogsData.FromString(body).resource_logs:
        resource = decoding.resource(of_resource.resource)
        for of_scope in of_resource.scope_logs:
            scope = decoding.scope_members(of_scope.scope)
            for raw in of_scope.log_records:
                _append(parse(raw), resource, scope, decoding)


def _append(record: Any, resource: Resource, scope: list[bytes], decoding: Decoding) -> None:
    # OTLP: no event time is normal, then the time of observation stands for it.
    observed_ns = record.observed_time_unix_nano or record.time_unix_nano or time.time_ns()
    time_ns = record.time_unix_nano or observed_ns
    if max(time_ns, observed_ns) > limits.INT64_MAX:
        return decoding.refuse("a time is out of range")
    trace_id, span_id = record.trace_id, record.span_id
    if len(trace_id) not in {0, 16} or len(span_id) not in {0, 8}:
        decoding.warn("records with a malformed trace or span id, stored without them")
        trace_id = span_id = b""
    more = scope
    if record.event_name:
        more = [*more, member("event.name", decoding.name(record.event_name))]
    severity = record.severity_number
    if not severity and record.severity_text:
        severity = _BY_TEXT.get(record.severity_text.upper(), 0)
    decoding.batch.logs.append(
        LogRecord(
            resource,
            time_ns,
            observed_ns,
            severity if severity in _SEVERITIES else 0,
            _body(record.body, decoding),
            decoding.key_values.packed(record.attributes, more),
            trace_id if trace_id and trace_id != _NO_TRACE else None,
            span_id if span_id and span_id != _NO_SPAN else None,
        )
    )
    return None


def _body(raw: bytes, decoding: Decoding) -> str:
    # A short string alone: the tag, its length, and nothing behind.
    if 2 < len(raw) < 130 and raw[0] == 0x0A and raw[1] == len(raw) - 2:
        try:
            return clean(raw[2:].decode())
        except UnicodeDecodeError:
            # The official class says what is wrong with it.
            pass
    message = wire.AnyValue.FromString(raw)
    text = clean(message.string_value) or as_text(plain(message))
    if len(raw) > limits.BODY_BYTES // 4:
        text, was_cut = cut(text, limits.BODY_BYTES)
        if was_cut:
            decoding.warn("bodies cut to 256 KiB")
    return text
