"""What the store kept becomes OTLP again, and decodes to the same rows."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from apps.monitoring.forward import encoding
from apps.monitoring.forward import otlp as _otlp  # noqa: F401
from apps.monitoring.forward.base import BODY_BYTES, LOGS, METRICS, TRACES, Kind
from apps.monitoring.store.rows import Batch
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.decoding import LOGS as LOGS_IN
from tests.monitoring.intake.decoding import METRICS as METRICS_IN
from tests.monitoring.intake.decoding import NOW, decoded, explicit, histogram
from tests.monitoring.intake.decoding import TRACES as TRACES_IN
from tests.monitoring.store import make

OTLP = Kind.registry["otlp"]


def again(signal_in, signal, message) -> tuple[Batch, Batch]:
    """The rows of a message, and the rows of what is sent on of them."""
    first = decoded(signal_in, message).batch
    body = encoding.encode(signal, encoding.rows_of(signal, [first]))
    second = signal_in.decode(body, is_json=False).batch
    return first, second


def plain(row):
    """A row without identities of objects."""
    fields = row._asdict()
    owner = fields.pop("resource", None) or fields.pop("series")
    return {**fields, "owner": owner.hash}


def same(first, second) -> bool:
    return [plain(row) for row in first] == [plain(row) for row in second]


def test_a_span_with_events_links_status_and_state_arrives_whole():
    span = m.span(
        trace_state="rojo=1", parent_span_id=b"p" * 8,
        status=Status(code=Status.STATUS_CODE_ERROR, message="no seats"),
        attributes=m.attributes(http__route="/e/<id>", n=3, ok=True, ratio=0.5),
        events=[Span.Event(name="retry", time_unix_nano=NOW, attributes=m.attributes(n=1))],
        links=[Span.Link(trace_id=b"l" * 16, span_id=b"k" * 8, attributes=m.attributes(a="b"))],
    )  # fmt: skip
    first, second = again(TRACES_IN, TRACES, m.traces(span))
    assert same(first.spans, second.spans)
    assert first.spans[0].events
    assert first.spans[0].links


def test_a_log_record_arrives_whole():
    record = m.record(severity_number=17, trace_id=b"t" * 16, span_id=b"s" * 8)
    first, second = again(LOGS_IN, LOGS, m.logs(record, m.record("two"), service="a"))
    assert same(first.logs, second.logs)


def test_gauges_sums_and_both_histograms_keep_kind_temporality_and_exemplars():
    exponential = pb.ExponentialHistogramDataPoint(
        time_unix_nano=NOW, start_time_unix_nano=NOW - 60, count=6, sum=3.0, scale=3, zero_count=1,
        positive={"offset": -2, "bucket_counts": [1, 2]},
        negative={"offset": 4, "bucket_counts": [2]},
    )  # fmt: skip
    message = m.metrics(
        m.gauge(m.point(2.5, {"queue": "high"})),
        pb.Metric(
            name="requests",
            sum=pb.Sum(
                data_points=[m.point(7.0, start_time_unix_nano=NOW - 9)],
                aggregation_temporality=2, is_monotonic=True,
            ),
        ),
        pb.Metric(name="latency", unit="s", **histogram(explicit())),
        pb.Metric(
            name="size",
            exponential_histogram=pb.ExponentialHistogram(
                data_points=[exponential], aggregation_temporality=2
            ),
        ),
    )  # fmt: skip
    first, second = again(METRICS_IN, METRICS, message)
    assert len(first.samples) == 2
    assert len(first.histograms) == 2
    assert same(first.samples, second.samples)
    assert same(first.histograms, second.histograms)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_any_json_value_has_a_form_that_serialises(of):
    message = encoding.value(of)
    assert AnyValue.FromString(message.SerializeToString()) == message


def test_two_services_travel_as_two_resources():
    rows = [make.span(), make.span(resource=make.Resource({"service.name": "cart"}))]
    sent = TRACES_IN.decode(encoding.encode(TRACES, rows), is_json=False).batch.spans
    assert {row.resource.service for row in sent} == {"shop", "cart"}


def test_no_request_is_larger_than_the_limit_and_no_row_is_lost():
    logs = [make.log("x" * 40_000, attrs={"n": n}) for n in range(200)]
    parcels = list(OTLP.parcels([Batch(logs=logs)], [LOGS]))
    assert len(parcels) > 1
    assert all(len(parcel.body) <= BODY_BYTES for parcel in parcels)
    back = [
        row.attrs["n"]
        for parcel in parcels
        for row in LOGS_IN.decode(parcel.body, is_json=False).batch.logs
    ]
    assert back == list(range(200))


def test_a_row_beyond_the_limit_travels_alone():
    logs = [make.log("a"), make.log("x" * (BODY_BYTES + 1)), make.log("b")]
    parcels = list(OTLP.parcels([Batch(logs=logs)], [LOGS]))
    assert sum(parcel.items for parcel in parcels) == 3
    assert [parcel.items for parcel in parcels if len(parcel.body) > BODY_BYTES] == [1]
