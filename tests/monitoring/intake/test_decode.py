"""Decoding alone: what spans and log records become."""

import math
import time

import pytest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from apps.monitoring.intake import limits
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.decoding import (
    LOGS,
    NOW,
    TRACES,
    decoded,
    only_span,
)


def test_a_span_keeps_its_times_ids_and_attributes():
    sent = m.span(
        parent_span_id=b"parent!!",
        status=Status(code=Status.STATUS_CODE_ERROR, message="boom"),
        attributes=m.attributes(http__route="/events", n=3, ok=True, ratio=0.5),
        trace_state="a=b",
    )
    row = decoded(TRACES, m.traces(sent)).batch.spans[0]
    assert (row.trace_id, row.span_id, row.parent_id) == (sent.trace_id, sent.span_id, b"parent!!")
    assert (row.start_ns, row.end_ns) == (sent.start_time_unix_nano, sent.end_time_unix_nano)
    assert (row.name, row.kind, row.status) == ("GET /events", 2, 2)
    assert row.resource.service == "shop"
    assert row.attrs == {
        "http.route": "/events", "n": 3, "ok": True, "ratio": 0.5,
        "otel.scope.name": "tests", "otel.status_description": "boom", "w3c.tracestate": "a=b",
    }  # fmt: skip


def test_events_and_links_are_kept():
    row = only_span(
        events=[Span.Event(name="exception", time_unix_nano=NOW, attributes=m.attributes(a="b"))],
        links=[Span.Link(trace_id=b"t" * 16, span_id=b"s" * 8), Span.Link(trace_id=b"short")],
    )
    assert row.events == [{"name": "exception", "time_ns": NOW, "attrs": {"a": "b"}}]
    assert row.links == [{"trace_id": (b"t" * 16).hex(), "span_id": (b"s" * 8).hex(), "attrs": {}}]


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_id": bytes(16)},
        {"trace_id": b"short"},
        {"span_id": bytes(8)},
        {"span_id": b""},
        {"parent_span_id": b"odd"},
        {"start_time_unix_nano": 0},
        {"end_time_unix_nano": 2**64 - 1},
    ],
)
def test_an_invalid_span_is_refused_and_its_neighbour_kept(changes):
    done = decoded(TRACES, m.traces(m.span(**changes), m.span(name="good")))
    assert [row.name for row in done.batch.spans] == ["good"]
    assert done.rejected == 1
    assert "1 refused" in done.message()


def test_a_span_that_ends_before_it_starts_is_kept_with_a_warning():
    done = decoded(TRACES, m.traces(m.span(start_time_unix_nano=NOW, end_time_unix_nano=NOW - 1)))
    assert done.batch.spans[0].end_ns == NOW
    assert done.rejected == 0
    assert "duration 0" in done.message()


def test_values_of_every_kind_become_json_types():
    nested = AnyValue(string_value="deep")
    for _ in range(32):
        nested = AnyValue(array_value=ArrayValue(values=[nested]))
    entries = KeyValueList(values=[m.attribute("k", "v"), KeyValue(key="none")])
    row = only_span(
        attributes=[
            *m.attributes(raw=b"\x00\xff", nul="a\0b", not_a_number=math.nan, huge=math.inf),
            m.attribute("twice", "first"),
            m.attribute("twice", "last"),
            KeyValue(key="map", value=AnyValue(kvlist_value=entries)),
            KeyValue(key="nested", value=nested),
            KeyValue(key="unset"),
        ]
    )
    attrs = dict(row.attrs)
    value = attrs.pop("nested")
    for _ in range(32):
        (value,) = value
    assert value == "deep"
    assert attrs == {
        "raw": "AP8=", "nul": "a\ufffdb", "not_a_number": "NaN", "huge": "Infinity",
        "twice": "last", "map": {"k": "v", "none": None}, "unset": None,
        "otel.scope.name": "tests",
    }  # fmt: skip


def test_oversize_attributes_are_cut_and_the_sender_is_told():
    many = [m.attribute(f"k{i}", i) for i in range(140)]
    long = [m.attribute("k" * 300, "x"), m.attribute("text", "é" * 4000)]
    trace = [m.attribute("exception.stacktrace", "frame\n" * 2000)]
    done = decoded(
        TRACES, m.traces(m.span(attributes=many), m.span(attributes=long), m.span(attributes=trace))
    )
    first, second, third = done.batch.spans
    assert len(first.attrs) == limits.ATTRIBUTES + 1
    assert "k" * 256 in second.attrs
    assert second.attrs["text"] == "é" * 2048
    assert len(third.attrs["exception.stacktrace"]) == 12_000
    assert done.rejected == 0
    assert "2 attributes cut" in done.message()
    assert "12 attributes beyond 128" in done.message()


def test_an_oversize_list_is_kept_as_cut_json_text():
    items = [AnyValue(string_value="x" * 100)] * 100
    big = KeyValue(key="list", value=AnyValue(array_value=ArrayValue(values=items)))
    text = only_span(attributes=[big]).attrs["list"]
    assert text.startswith('["xxx')
    assert len(text) == limits.VALUE_BYTES


def test_a_log_record_without_a_time_takes_the_time_of_observation():
    done = decoded(LOGS, m.logs(m.record(time_unix_nano=0, observed_time_unix_nano=NOW)))
    assert done.batch.logs[0].time_ns == NOW


def test_a_log_record_without_any_time_is_dated_now():
    row = decoded(LOGS, m.logs(m.record(time_unix_nano=0))).batch.logs[0]
    assert abs(row.time_ns - time.time_ns()) < 60 * 10**9


def test_bodies_are_text_and_structures_are_json():
    structured = AnyValue(kvlist_value=KeyValueList(values=[m.attribute("event", "paid")]))
    assert decoded(LOGS, m.logs(m.record("plain"))).batch.logs[0].body == "plain"
    record = m.record()
    record.body.CopyFrom(structured)
    assert decoded(LOGS, m.logs(record)).batch.logs[0].body == '{"event":"paid"}'


def test_a_body_beyond_256_kib_is_cut():
    done = decoded(LOGS, m.logs(m.record("x" * 300_000)))
    assert len(done.batch.logs[0].body) == limits.BODY_BYTES
    assert "bodies cut" in done.message()


def test_severity_comes_from_the_text_when_there_is_no_number():
    done = decoded(LOGS, m.logs(m.record(severity_number=0, severity_text="Error")))
    assert done.batch.logs[0].severity == 17


def test_a_log_record_with_a_malformed_trace_id_is_kept_without_it():
    done = decoded(LOGS, m.logs(m.record(trace_id=b"short", span_id=b"12345678")))
    assert done.batch.logs[0].trace_id is None
    assert "malformed" in done.message()
