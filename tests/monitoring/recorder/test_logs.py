"""Log lines: in the store with their request and trace, without secrets, and never in the way."""

import io
import json
import logging
import os
import threading

import pytest
import structlog

from apps.core import request_id
from apps.monitoring import recorder as api
from apps.monitoring.recorder.console import ConsoleHandler
from portal.settings.logs import LOGGING

logger = logging.getLogger("shop.orders")


@pytest.fixture
def logs(rows):
    def read():
        found = rows(
            "SELECT body, severity, attrs, trace_id, span_id FROM tm_log ORDER BY ts, body"
        )
        return [
            (body, sev, json.loads(attrs), trace, span) for body, sev, attrs, trace, span in found
        ]

    return read


@pytest.fixture
def bound():
    token = request_id.bind("the-request-1")
    yield "the-request-1"
    request_id.release(token)


@pytest.mark.django_db(transaction=True)
def test_a_line_is_stored_with_its_request_and_trace(recorder, logs, bound):
    with api.span("work") as span:
        logger.warning("order %s refused", 7, extra={"order": 7, "password": "hunter2"})
    recorder.flush()
    ((body, severity, attrs, trace, span_id),) = logs()
    assert (body, severity) == ("order 7 refused", 13)
    assert attrs == {
        "logger": "shop.orders", "order": 7, "password": "***", "request_id": bound
    }  # fmt: skip
    assert (trace.int, span_id % 2**64) == (span.trace_id, span.span_id)


@pytest.mark.django_db(transaction=True)
def test_an_event_of_structlog_is_stored_by_its_fields(recorder, logs, bound):
    structlog.get_logger("shop.events").info("booking_attempt", seat=3, card={"token": "abc"})
    recorder.flush()
    ((body, severity, attrs, _, _),) = logs()
    assert (body, severity) == ("booking_attempt", 9)
    assert (attrs["seat"], attrs["card"], attrs["request_id"]) == (3, {"token": "***"}, bound)


@pytest.mark.django_db(transaction=True)
def test_an_exception_has_type_message_and_stack_and_no_secret(recorder, logs):
    try:
        raise ValueError("postgres://pharos:hunter2@db/x is away")
    except ValueError:
        logger.exception("booking_failed")
    recorder.flush()
    ((_, severity, attrs, _, _),) = logs()
    assert severity == 17
    assert attrs["exception.type"] == "builtins.ValueError"
    assert attrs["exception.message"] == "postgres://***@db/x is away"
    assert "test_an_exception_has_type" in attrs["exception.stacktrace"]
    assert "hunter2" not in str(attrs)


@pytest.mark.django_db(transaction=True)
def test_what_is_not_for_the_store_stays_out(recorder, logs):
    logger.debug("too fine")
    logging.getLogger("apps.monitoring.intake.commit").error("about the way to the store")
    with api.suppressed():
        logger.error("suppressed")
    recorder.flush()
    assert logs() == []


@pytest.mark.django_db(transaction=True)
def test_an_object_that_breaks_a_line_breaks_nothing_else(recorder, attributes):
    class Odd:
        def __str__(self):
            raise RuntimeError("no text")

    record = logging.makeLogRecord({"name": "x", "msg": Odd(), "levelno": 20})
    for handler in logging.getLogger().handlers:
        if type(handler).__name__ == "StoreHandler":
            handler.handle(record)
    recorder.flush()
    assert attributes("pharos.recorder.dropped") == {(("pharos.drop.reason", "log_unreadable"),): 1}


def written(*, stream=None):
    handler = ConsoleHandler()
    handler._stream = stream or io.StringIO()
    settings = LOGGING["formatters"]["structured"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=settings["foreign_pre_chain"], processors=settings["processors"]
        )
    )
    return handler


def test_a_console_line_is_json_with_ids_and_without_secrets(bound):
    handler = written()
    own = logging.getLogger("shop.console")
    own.addHandler(handler)
    try:
        with api.span("work"):
            own.warning("login with password=hunter2", extra={"request": object()})
    finally:
        own.removeHandler(handler)
    handler.flush()
    line = json.loads(handler._stream.getvalue())
    assert line["event"] == "login with password=***"
    assert (line["request_id"], len(line["trace_id"]), len(line["span_id"])) == (bound, 32, 16)
    assert (line["level"], line["logger"]) == ("warning", "shop.console")
    assert "request" not in line


def test_a_reader_that_stalls_stops_no_writer(monkeypatch):
    from apps.monitoring.recorder import queued

    dropped = []
    monkeypatch.setattr(queued, "_MOST_LINES", 5)
    monkeypatch.setattr(queued.recorder, "drop", lambda reason, count=1: dropped.append(reason))
    reached, go_on = threading.Event(), threading.Event()

    class Stalled(io.StringIO):
        def write(self, text):
            reached.set()
            go_on.wait(10)
            return super().write(text)

    handler = written(stream=Stalled())
    handler.handle(logging.makeLogRecord({"msg": "first", "levelno": 30}))
    assert reached.wait(10)
    for _ in range(20):
        handler.handle(logging.makeLogRecord({"msg": "line", "levelno": 30}))
    assert dropped == ["console_full"] * 15
    go_on.set()
    handler.flush()
    assert handler._stream.getvalue().count("\n") == 6


def test_a_forked_child_has_a_console_of_its_own():
    reader, writer = os.pipe()
    handler = written(stream=os.fdopen(writer, "w"))
    handler.handle(logging.makeLogRecord({"msg": "parent", "levelno": 30}))
    handler.flush()
    child = os.fork()
    if child == 0:
        try:
            handler.handle(logging.makeLogRecord({"msg": "child", "levelno": 30}))
            handler.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    handler._stream.close()
    with os.fdopen(reader) as lines:
        assert [json.loads(line)["event"] for line in lines] == ["parent", "child"]
