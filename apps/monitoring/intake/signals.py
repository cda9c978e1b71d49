"""The three OTLP signals: their paths, messages and decoders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from apps.monitoring.intake import decode_logs, decode_metrics, decode_spans, wire
from apps.monitoring.intake.decoding import Decoding, MalformedError
from apps.monitoring.intake.json_request import to_protobuf


@dataclass(frozen=True)
class Signal:
    """One kind of telemetry. `rejected_field` is its counter in a partial success."""

    path: str
    request: Any
    response: Any
    rejected_field: str
    append: Callable[[bytes, Decoding], None]

    def decode(self, body: bytes, *, is_json: bool) -> Decoding:
        """The rows of one uncompressed body. Raises MalformedError."""
        decoding = Decoding()
        try:
            self.append(to_protobuf(body, self.request) if is_json else body, decoding)
        except DecodeError as error:
            raise MalformedError(f"The body is not {self.request.DESCRIPTOR.name}.") from error
        return decoding


_ALL = (
    Signal(
        "/v1/traces",
        wire.TraceRequest,
        wire.TraceResponse,
        "rejected_spans",
        decode_spans.decode,
    ),
    Signal(
        "/v1/logs",
        wire.LogsRequest,
        wire.LogsResponse,
        "rejected_log_records",
        decode_logs.decode,
    ),
    Signal(
        "/v1/metrics",
        wire.MetricsRequest,
        wire.MetricsResponse,
        "rejected_data_points",
        decode_metrics.decode,
    ),
)
SIGNALS: Final = {form: signal for signal in _ALL for form in (signal.path, signal.path + "/")}
