"""Log records → rows, each with the request, trace and span it was written in."""

import logging
import traceback
from typing import Any, Final

from apps.core import request_id
from apps.core.masking import mask, mask_text
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import SUPPRESSED, ActiveSpan, current, traceparent
from apps.monitoring.recorder.events import LOG

# Lines about the way to the store, stored, would feed on themselves. They stay on the console.
_OWN: Final = ("apps.monitoring.recorder", "apps.monitoring.intake", "apps.monitoring.store")
_STACK_LIMIT: Final = 16_384
_MOST_FIELDS: Final = 64
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "_from_structlog", "_logger", "_name", "request", "taskName",
}  # fmt: skip


def severity(level: int) -> int:
    """OTLP's severity number of a level of `logging`."""
    if level >= logging.CRITICAL:
        return 21
    if level >= logging.ERROR:
        return 17
    if level >= logging.WARNING:
        return 13
    return 9 if level >= logging.INFO else 5


class StoreHandler(logging.Handler):
    """Puts a record into the recorder's buffer. Masked there, before it leaves the process."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never blocks, never raises, never records what the recorder says of itself."""
        span: Any = current.get()
        if span is SUPPRESSED or record.name.startswith(_OWN):
            return
        try:
            body, attrs = _read(record)
        except Exception:  # noqa: BLE001 (a foreign object in a line may raise anything)
            recorder.drop("log_unreadable")
            return
        time_ns = int(record.created * 1e9)
        keep = recorder.add_loose if span is None else recorder.add
        keep((LOG, time_ns, record.levelno, body, attrs, request_id.current(), span))


def _read(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    attrs: dict[str, Any]
    if isinstance(record.msg, dict):
        attrs = {k: v for k, v in record.msg.items() if k not in _CARRIED}
        body = str(attrs.pop("event", ""))
    else:
        body = record.getMessage()
        attrs = {k: v for k, v in vars(record).items() if k not in _PLAIN}
    if len(attrs) > _MOST_FIELDS:
        attrs = dict(list(attrs.items())[:_MOST_FIELDS])
    # Now: a flusher that reads them later may find them changed.
    attrs = {str(key): mask(value, str(key)) for key, value in attrs.items()}
    attrs["logger"] = record.name
    if record.exc_info and record.exc_info[1] is not None:
        attrs |= exception_fields(record.exc_info[1])
    return body, attrs


def exception_fields(error: BaseException) -> dict[str, str]:
    """Type, message and stack of an exception, by OpenTelemetry's names; masked."""
    stack = "".join(traceback.format_exception(error))
    return {
        "exception.type": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": mask_text(str(error)[:1024]),
        "exception.stacktrace": mask_text(stack[-_STACK_LIMIT:]),
    }


# What structlog puts into an event and the row has columns for.
_CARRIED: Final = frozenset(
    ("level", "logger", "timestamp", "request_id", "trace_id", "span_id", "exc_info")
)


def add_context(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: the request, trace and span this line is written in."""
    if (bound := request_id.current()) is not None:
        event.setdefault("request_id", bound)
    span = current.get()
    if isinstance(span, ActiveSpan):
        _, event["trace_id"], event["span_id"], _ = traceparent(span).split("-")
    return event


def add_exception(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: an exception as fields."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event.update(exception_fields(error))
    return event


def mask_event(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: nothing secret in the line."""
    # Django hands its request object to every line about one.
    return {key: mask(value, str(key)) for key, value in event.items() if key != "request"}
