"""What the OTLP endpoints answer: success, partial success, or google.rpc.Status."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from apps.monitoring.intake import limits
from apps.monitoring.intake.signals import Signal

PROTOBUF: Final = b"application/x-protobuf"
JSON: Final = b"application/json"

# google.rpc.Code, by HTTP status.
_CODES: Final = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 3, 415: 3, 429: 8, 503: 14,
}  # fmt: skip
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"


def _rpc_messages() -> tuple[Any, Any]:
    """google.rpc's Status and BadRequest, which the protobuf package does not ship."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="google/rpc/status.proto", package="google.rpc", syntax="proto3"
    )

    def message(name: str, *fields: tuple[str, int, str]) -> None:
        added = file.message_type.add(name=name)
        for number, (field_name, kind, of_type) in enumerate(fields, 1):
            repeated = kind == field_type.TYPE_MESSAGE
            added.field.add(
                name=field_name,
                number=number,
                type=kind,
                type_name=of_type or None,
                label=field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL,
            )

    text, number, raw = field_type.TYPE_STRING, field_type.TYPE_INT32, field_type.TYPE_BYTES
    many = field_type.TYPE_MESSAGE
    message("Any", ("type_url", text, ""), ("value", raw, ""))
    message(
        "Status", ("code", number, ""), ("message", text, ""), ("details", many, ".google.rpc.Any")
    )
    message("Violation", ("field", text, ""), ("description", text, ""))
    message("BadRequest", ("field_violations", many, ".google.rpc.Violation"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    status, bad_request = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"google.rpc.{name}"))
        for name in ("Status", "BadRequest")
    )
    return status, bad_request


_Status, _BadRequest = _rpc_messages()


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class RefusalError(Exception):
    """The request ends here with this status and message."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_s: float | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = list(headers)
        self.retry_after_s = retry_after_s
        if retry_after_s is not None:
            # Whole seconds; 0 would ask for a retry at once.
            self.headers.append((b"retry-after", str(max(1, round(retry_after_s))).encode()))

    def reply(self, content_type: bytes) -> Reply:
        """This refusal as google.rpc.Status in the encoding of the request."""
        message = _shortened(self.message)
        code = _CODES.get(self.status, 0)
        body = (
            orjson.dumps(_json_status(code, message, self.status))
            if content_type == JSON
            else _protobuf_status(code, message, self.status)
        )
        return Reply(self.status, body, content_type, self.headers)


def success(signal: Signal, content_type: bytes, rejected: int, message: str) -> Reply:
    """200; a partial success when something was refused or the sender should know of a cut."""
    message = _shortened(message)
    if not rejected and not message:
        return Reply(200, b"{}" if content_type == JSON else b"", content_type)
    if content_type == JSON:
        head, *tail = signal.rejected_field.split("_")
        name = head + "".join(map(str.capitalize, tail))
        partial = {name: str(rejected), "errorMessage": message}
        return Reply(200, orjson.dumps({"partialSuccess": partial}), content_type)
    response = signal.response(
        partial_success={signal.rejected_field: rejected, "error_message": message}
    )
    return Reply(200, response.SerializeToString(), content_type)


def _shortened(message: str) -> str:
    return message if len(message) <= limits.MESSAGE_CHARS else message[: limits.MESSAGE_CHARS]


def _json_status(code: int, message: str, status: int) -> dict[str, Any]:
    body: dict[str, Any] = {"code": code, "message": message}
    if status == 400:
        violations = [{"field": "body", "description": message}]
        body["details"] = [{"@type": _BAD_REQUEST, "fieldViolations": violations}]
    return body


def _protobuf_status(code: int, message: str, status: int) -> bytes:
    details = []
    if status == 400:
        violations = [{"field": "body", "description": message}]
        value = _BadRequest(field_violations=violations).SerializeToString()
        details = [{"type_url": _BAD_REQUEST, "value": value}]
    encoded: bytes = _Status(code=code, message=message, details=details).SerializeToString()
    return encoded
