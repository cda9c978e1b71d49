"""Celery: who published a task, how long it waited and ran, and how it ended."""

import time
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Any, Final

from celery import signals

from apps.core import request_id
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import ActiveSpan, active, current, extract, traceparent
from apps.monitoring.recorder.events import SPAN, TASK
from apps.monitoring.recorder.spans import PRODUCER

_REQUEST_ID: Final = "pharos_request_id"
_PUBLISHED: Final = "pharos_published_s"
# Where a running task keeps its span: on its own request, which Celery drops with it.
_RUN: Final = "pharos_run"
# The span of the message this thread or coroutine is just sending.
_publishing: ContextVar[ActiveSpan | None] = ContextVar("pharos_publishing", default=None)


def on_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Send the trace, the request id and the time along."""
    if headers is None:
        return
    above = active()
    if above is not None:
        span = ActiveSpan(above)
        _publishing.set(span)
        headers["traceparent"] = traceparent(span)
        if span.tracestate:
            headers["tracestate"] = span.tracestate
    bound = request_id.current()
    if bound is not None:
        headers[_REQUEST_ID] = bound
    headers[_PUBLISHED] = time.time()


def on_published(sender: Any = None, routing_key: str | None = None, **_: Any) -> None:
    """Record the sending; what never got out has no span."""
    span = _publishing.get()
    if span is None:
        return
    _publishing.set(None)
    name = sender if isinstance(sender, str) else "task"
    attrs = {
        "messaging.system": "celery",
        "messaging.destination.name": routing_key or "none",
        "messaging.operation.type": "send",
        "celery.task.name": name,
    }
    recorder.add((SPAN, span, perf_counter_ns(), f"send {name}", PRODUCER, attrs))


def on_start(task: Any = None, task_id: str | None = None, **_: Any) -> None:
    """Begin the span; a task run in place is a child of who called it."""
    sent = task.request
    parent = active() or extract(_text(sent, "traceparent"), _text(sent, "tracestate"))
    span = ActiveSpan(parent)
    bound = request_id.accept_or_new(_text(sent, _REQUEST_ID) or request_id.current() or task_id)
    run = (span, current.set(span), request_id.bind(bound), bound, _waited_s(sent))
    setattr(sent, _RUN, run)


def on_end(
    task: Any = None, task_id: str | None = None, state: str | None = None, **_: Any
) -> None:
    """Record the run and give the thread its old context back."""
    run = getattr(task.request, _RUN, None)
    if run is None:
        return
    setattr(task.request, _RUN, None)
    span, span_token, id_token, bound, wait_s = run
    delivery = task.request.delivery_info or {}
    queue = delivery.get("routing_key") or "none"
    recorder.add(
        (
            TASK,
            span,
            perf_counter_ns(),
            task.name,
            queue,
            state or "UNKNOWN",
            wait_s,
            bound,
            task_id,
        )
    )
    _reset(current, span_token)
    _reset_id(id_token)


def on_failure(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    """Name the exception on the span; the log line with its stack is Celery's own."""
    run = getattr(sender.request, _RUN, None)
    if run is not None and exception is not None:
        run[0].error = type(exception).__qualname__


def on_retry(sender: Any = None, reason: object = None, **_: Any) -> None:
    """Name what made the task try again."""
    run = getattr(sender.request, _RUN, None)
    if run is not None:
        run[0].error = type(getattr(reason, "exc", None) or reason).__qualname__


def on_stop(**_: Any) -> None:
    """Store the last events of a worker that ends."""
    recorder.flush()


def _configure_logs(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging as Django's settings made it."""


def _text(sent: Any, name: str) -> str | None:
    value = getattr(sent, name, None)
    return value if isinstance(value, str) else None


def _waited_s(sent: Any) -> float | None:
    """Seconds from the time a task was due until now; None when it was never published."""
    published = getattr(sent, _PUBLISHED, None)
    if not isinstance(published, int | float):
        return None
    due = float(published)
    if isinstance(eta := getattr(sent, "eta", None), str):
        try:
            moment = datetime.fromisoformat(eta)
        except ValueError:
            pass
        else:
            due = max(due, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    # Clocks of two hosts differ: better no wait than a negative one.
    return max(time.time() - due, 0.0)


def _reset(variable: Any, token: Token[Any]) -> None:
    try:
        variable.reset(token)
    except ValueError:
        # Begun in another context (an event loop's pool): there nothing is left to undo.
        variable.set(None)


def _reset_id(token: Token[str | None]) -> None:
    try:
        request_id.release(token)
    except ValueError:
        request_id.bind(None)


def install() -> None:
    """Listen to Celery's signals, once."""
    for signal, receiver in (
        (signals.before_task_publish, on_publish),
        (signals.after_task_publish, on_published),
        (signals.task_prerun, on_start),
        (signals.task_postrun, on_end),
        (signals.task_failure, on_failure),
        (signals.task_retry, on_retry),
        (signals.worker_process_shutdown, on_stop),
        (signals.worker_shutdown, on_stop),
        (signals.setup_logging, _configure_logs),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"pharos.{receiver.__name__}")
