"""Decoding alone: what each signal's message becomes."""

import contextlib
import json
import math
import time

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from apps.monitoring.intake import limits, series_cache
from apps.monitoring.intake.decoding import Decoding, MalformedError
from apps.monitoring.intake.signals import SIGNALS
from apps.monitoring.store.rows import Kind, Temporality
from tests.monitoring.intake import messages as m

NOW = time.time_ns()
TRACES, LOGS, METRICS = (SIGNALS[f"/v1/{name}"] for name in ("traces", "logs", "metrics"))


def decoded(signal, message) -> Decoding:
    return signal.decode(message.SerializeToString(), is_json=False)


def only_span(**changes):
    return decoded(TRACES, m.traces(m.span(**changes))).batch.spans[0]


def metric_points(data, name="latency", **fields):
    done = decoded(METRICS, m.metrics(pb.Metric(name=name, unit="s", **data, **fields)))
    return done, done.batch


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


def test_points_of_one_series_share_one_object_across_requests():
    labels = {"state": "used"}
    first = decoded(METRICS, m.metrics(m.gauge(m.point(1, labels), m.point(2, labels))))
    second = decoded(METRICS, m.metrics(m.gauge(m.point(3, labels))))
    rows = first.batch.samples + second.batch.samples
    assert [row.value for row in rows] == [1, 2, 3]
    assert len({id(row.series) for row in rows}) == 1
    assert rows[0].series.attrs == {"state": "used", "otel.scope.name": "tests"}
    assert rows[0].series.metric.kind is Kind.GAUGE


@pytest.mark.parametrize("temporality", [Temporality.DELTA, Temporality.CUMULATIVE])
@pytest.mark.parametrize("monotonic", [True, False])
def test_a_sum_keeps_temporality_monotonicity_and_start(temporality, monotonic):
    point = m.point(5, start_time_unix_nano=NOW - 10, time_unix_nano=NOW)
    data = pb.Sum(
        data_points=[point], aggregation_temporality=int(temporality), is_monotonic=monotonic
    )
    _, batch = metric_points({"sum": data})
    row = batch.samples[0]
    assert (row.series.metric.temporality, row.series.metric.monotonic) == (temporality, monotonic)
    assert (row.value, row.start_ns, row.time_ns) == (5.0, NOW - 10, NOW)


def test_a_sum_without_temporality_is_refused_point_by_point():
    done, batch = metric_points({"sum": pb.Sum(data_points=[m.point(1), m.point(2)])})
    assert done.rejected == 2
    assert not batch.samples


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"as_int": 7}, 7.0), ({"as_double": 0.0}, 0.0), ({"as_int": 0}, 0.0), ({"as_int": -3}, -3.0)],
)
def test_integers_and_zeros_are_values(fields, value):
    point = pb.NumberDataPoint(time_unix_nano=NOW, **fields)
    assert decoded(METRICS, m.metrics(m.gauge(point))).batch.samples[0].value == value


def test_a_point_without_value_or_time_is_refused():
    done = decoded(
        METRICS,
        m.metrics(
            m.gauge(
                pb.NumberDataPoint(time_unix_nano=NOW),
                m.point(1, time_unix_nano=0),
                m.point(1, time_unix_nano=2**64 - 1),
                m.point(4),
            )
        ),
    )
    assert done.rejected == 3
    assert [row.value for row in done.batch.samples] == [4.0]


def test_no_recorded_value_and_nan_are_unknown_not_zero():
    done = decoded(METRICS, m.metrics(m.gauge(m.point(0, flags=1), m.point(math.nan))))
    assert all(math.isnan(row.value) for row in done.batch.samples)
    assert len(done.batch.samples) == 2
    assert done.rejected == 0


def explicit(**changes):
    fields = {
        "time_unix_nano": NOW, "start_time_unix_nano": NOW - 60, "count": 6, "sum": 3.5,
        "min": 0.1, "max": 2.0, "explicit_bounds": [0.5, 1.0], "bucket_counts": [3, 2, 1],
        "exemplars": [
            pb.Exemplar(
                time_unix_nano=NOW, as_double=0.7, trace_id=b"t" * 16, span_id=b"s" * 8,
                filtered_attributes=m.attributes(user="u1"),
            )
        ],
    }  # fmt: skip
    return pb.HistogramDataPoint(**{**fields, **changes})


def histogram(*points, temporality=1):
    return {"histogram": pb.Histogram(data_points=points, aggregation_temporality=temporality)}


def test_an_explicit_histogram_keeps_bounds_counts_and_exemplars():
    _, batch = metric_points(histogram(explicit()))
    row = batch.histograms[0]
    assert (row.count, row.sum, row.min, row.max) == (6, 3.5, 0.1, 2.0)
    assert (row.scale, row.bounds, row.positive) == (None, (0.5, 1.0), [3, 2, 1])
    assert row.series.metric.temporality is Temporality.DELTA
    assert row.exemplars == [
        {
            "time_ns": NOW, "value": 0.7, "trace_id": (b"t" * 16).hex(),
            "span_id": (b"s" * 8).hex(), "attrs": {"user": "u1"},
        }
    ]  # fmt: skip


def test_a_histogram_without_buckets_is_one_bucket():
    _, batch = metric_points(histogram(explicit(explicit_bounds=[], bucket_counts=[])))
    assert (batch.histograms[0].bounds, batch.histograms[0].positive) == ((), [6])


@pytest.mark.parametrize(
    "changes",
    [
        {"bucket_counts": [1, 2]},
        {"explicit_bounds": [1.0, 0.5]},
        {"explicit_bounds": [0.5, math.nan]},
        {"count": 2**64 - 1},
        {"bucket_counts": [2**64 - 1, 0, 0]},
        {"time_unix_nano": 0},
    ],
)
def test_a_histogram_that_does_not_add_up_is_refused(changes):
    done, batch = metric_points(histogram(explicit(**changes), explicit()))
    assert (done.rejected, len(batch.histograms)) == (1, 1)


@pytest.mark.parametrize("scale", [-10, 0, 5, 20])
def test_an_exponential_histogram_keeps_both_sides(scale):
    buckets = pb.ExponentialHistogramDataPoint.Buckets
    point = pb.ExponentialHistogramDataPoint(
        time_unix_nano=NOW, count=7, sum=1.0, scale=scale, zero_count=1, zero_threshold=0.01,
        positive=buckets(offset=-4, bucket_counts=[1, 2]),
        negative=buckets(offset=3, bucket_counts=[3]),
    )  # fmt: skip
    data = pb.ExponentialHistogram(data_points=[point], aggregation_temporality=2)
    _, batch = metric_points({"exponential_histogram": data})
    row = batch.histograms[0]
    assert (row.scale, row.zero, row.offset, row.positive) == (scale, 1, -4, [1, 2])
    assert (row.negative_offset, row.negative, row.bounds) == (3, [3], None)
    assert (row.min, row.max, row.sum) == (None, None, 1.0)


@pytest.mark.parametrize("scale", [-11, 21, 2**31 - 1])
def test_an_exponential_histogram_beyond_the_scales_is_refused(scale):
    point = pb.ExponentialHistogramDataPoint(time_unix_nano=NOW, count=0, scale=scale)
    data = pb.ExponentialHistogram(data_points=[point], aggregation_temporality=2)
    done, batch = metric_points({"exponential_histogram": data})
    assert (done.rejected, len(batch)) == (1, 0)


def test_a_summary_becomes_quantile_samples_count_and_sum():
    quantile = pb.SummaryDataPoint.ValueAtQuantile
    point = pb.SummaryDataPoint(
        time_unix_nano=NOW, count=10, sum=2.5,
        quantile_values=[quantile(quantile=0.5, value=0.2), quantile(quantile=0.99, value=0.9)],
        attributes=m.attributes(route="/"),
    )  # fmt: skip
    _, batch = metric_points({"summary": pb.Summary(data_points=[point])})
    found = {
        (row.series.metric.name, row.series.attrs.get("quantile")): row.value
        for row in batch.samples
    }
    assert found == {
        ("latency.count", None): 10.0, ("latency.sum", None): 2.5,
        ("latency", "0.5"): 0.2, ("latency", "0.99"): 0.9,
    }  # fmt: skip


def test_series_beyond_the_cap_of_a_metric_are_refused_and_known_ones_still_taken():
    points = [m.point(1, {"user": f"u{i}"}) for i in range(limits.SERIES_PER_METRIC + 5)]
    done = decoded(METRICS, m.metrics(m.gauge(*points, name="exploding")))
    assert done.rejected == 5
    again = decoded(METRICS, m.metrics(m.gauge(points[0], name="exploding")))
    assert (again.rejected, len(again.batch.samples)) == (0, 1)


def test_series_with_long_attributes_are_told_apart_and_remembered():
    long = [{"text": "x" * 9_000 + tail} for tail in "ab"]
    first = decoded(METRICS, m.metrics(m.gauge(*(m.point(1, labels) for labels in long))))
    again = decoded(METRICS, m.metrics(m.gauge(m.point(2, long[0]))))
    a, b = (row.series for row in first.batch.samples)
    assert a is not b
    assert again.batch.samples[0].series is a


@pytest.fixture
def remembered(monkeypatch):
    """A cache of our own; how many streams and series it holds."""
    cache = series_cache.SeriesCache()
    monkeypatch.setattr(series_cache, "_cache", cache)
    monkeypatch.setattr(limits, "SERIES_REMEMBERED", 1_000)
    monkeypatch.setattr(series_cache, "_PORTION", 100)

    def held() -> int:
        streams = [*cache._young.values(), *cache._old.values()]
        return sum(1 + len(stream.series) for stream in streams)

    return held


def test_metrics_without_points_are_not_remembered(remembered):
    decoded(METRICS, m.metrics(*(m.gauge(name=f"name{i}") for i in range(100))))
    assert remembered() == 0


def test_ever_new_names_are_forgotten_within_one_request(remembered):
    new = (m.gauge(m.point(1), name=f"name{i}") for i in range(5_000))
    done = decoded(METRICS, m.metrics(*new))
    assert len(done.batch.samples) == 5_000
    assert remembered() <= 2_200


def test_large_resources_and_attributes_fill_the_memory_sooner(remembered):
    for i in range(200):
        big = {f"key{n}": f"{i}" + "x" * 3_000 for n in range(20)}
        decoded(METRICS, m.metrics(m.gauge(m.point(1, big), name=f"name{i}")))
    assert remembered() <= 40


def test_one_metric_of_two_services_or_scopes_is_two_series():
    one = decoded(METRICS, m.metrics(m.gauge(m.point(1)), service="a")).batch.samples[0].series
    two = decoded(METRICS, m.metrics(m.gauge(m.point(1)), service="b")).batch.samples[0].series
    scoped = m.metrics(m.gauge(m.point(1)), service="a")
    scoped.resource_metrics[0].scope_metrics[0].scope.name = "other"
    three = decoded(METRICS, scoped).batch.samples[0].series
    assert len({one.hash, two.hash, three.hash}) == 3


def as_otlp_json(message) -> bytes:
    """The message as OTLP/JSON: proto3 JSON with hex ids and enum numbers."""
    from base64 import b64decode

    def walk(value):
        if isinstance(value, dict):
            return {
                key: b64decode(item).hex().upper()
                if key in {"traceId", "spanId", "parentSpanId"}
                else walk(item)
                for key, item in value.items()
            }
        return [walk(item) for item in value] if isinstance(value, list) else value

    return json.dumps(walk(MessageToDict(message, use_integers_for_enums=True))).encode()


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
