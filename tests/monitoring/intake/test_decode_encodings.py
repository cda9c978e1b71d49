"""Decoding alone: JSON and protobuf say the same, and nonsense is refused."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from apps.monitoring.intake.decoding import Decoding, MalformedError
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.decoding import (
    LOGS,
    METRICS,
    TRACES,
    as_otlp_json,
    decoded,
    explicit,
    histogram,
)


def comparable(decoding: Decoding):
    batch = decoding.batch
    return (
        [(*row[1:], dict(row.resource.attrs)) for row in batch.spans + batch.logs],
        [(*row[1:], row.series.hash) for row in batch.samples + batch.histograms],
        decoding.message(),
    )


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (TRACES, m.typical_spans(5)),
        (TRACES, m.traces(m.span(events=[Span.Event(name="e", time_unix_nano=2**64 - 1)]))),
        (LOGS, m.typical_logs(5)),
        (METRICS, m.typical_samples(10, 2)),
        (METRICS, m.metrics(pb.Metric(name="h", **histogram(explicit())))),
        (METRICS, m.metrics(m.gauge(m.point(-math.inf), m.point(math.nan, flags=1)))),
    ],
)
def test_json_and_protobuf_of_one_message_give_the_same_rows(signal, message):
    from_json = signal.decode(as_otlp_json(message), is_json=True)
    assert repr(comparable(from_json)) == repr(comparable(decoded(signal, message)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
        b'{"resourceSpans":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_json_that_is_no_otlp_message_is_malformed(body):
    with pytest.raises(MalformedError):
        TRACES.decode(body, is_json=True)


def test_json_nested_too_deep_is_malformed():
    value = b'{"stringValue":"x"}'
    for _ in range(200):
        value = b'{"arrayValue":{"values":[' + value + b"]}}"
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + value + b"}]}]}]}"
    with pytest.raises(MalformedError):
        LOGS.decode(body, is_json=True)


def test_unknown_and_snake_case_keys_are_ignored():
    body = {
        "resource_spans": [{"x": 1}],
        "future": {"a": [1]},
        "resourceSpans": [{"scopeSpans": []}],
    }
    assert len(TRACES.decode(json.dumps(body).encode(), is_json=True).batch) == 0


def test_unknown_protobuf_fields_are_ignored():
    body = m.traces(m.span()).SerializeToString() + b"\xfa\x3f\x03abc"
    assert len(TRACES.decode(body, is_json=False).batch) == 1


@pytest.mark.parametrize(
    "body", [b"\x0a\xff", b"\x08\x01", b"not protobuf at all", b"\x0a\x02\x0a"]
)
@pytest.mark.parametrize("signal", [TRACES, LOGS, METRICS])
def test_bytes_that_are_no_message_are_malformed_or_empty(signal, body):
    with contextlib.suppress(MalformedError):
        assert len(signal.decode(body, is_json=False).batch) == 0


def test_a_malformed_attribute_is_found_although_it_is_read_late():
    good = m.traces(m.span(attributes=[m.attribute("key", "value")])).SerializeToString()
    with pytest.raises(MalformedError):
        TRACES.decode(good.replace(b"key\x12", b"key\xff"), is_json=False)


@given(st.binary(max_size=400), st.sampled_from([TRACES, LOGS, METRICS]), st.booleans())
def test_random_bytes_are_decoded_or_malformed_and_nothing_else(body, signal, is_json):
    with contextlib.suppress(MalformedError):
        signal.decode(body, is_json=is_json)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value",
                "stringValue", "kvlistValue", "values", "resource", "resourceMetrics", "metrics",
                "scopeMetrics", "gauge", "dataPoints", "timeUnixNano", "asInt", "histogram",
                "exponentialHistogram", "scale", "positive", "bucketCounts", "name", "events",
            ]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON, st.sampled_from([TRACES, LOGS, METRICS]))
def test_random_documents_are_decoded_or_malformed_and_nothing_else(document, signal):
    with contextlib.suppress(MalformedError):
        signal.decode(json.dumps(document).encode(), is_json=True)


@given(st.data())
def test_a_message_with_any_byte_changed_is_decoded_or_malformed(data):
    signal, message = data.draw(
        st.sampled_from(
            [
                (TRACES, m.typical_spans(1)),
                (LOGS, m.typical_logs(1)),
                (METRICS, m.metrics(pb.Metric(name="h", **histogram(explicit())))),
            ]
        )
    )
    body = bytearray(message.SerializeToString())
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedError):
        signal.decode(bytes(body), is_json=False)
