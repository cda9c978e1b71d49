"""The protobuf exposition: native histograms, and otherwise what text would have said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.prometheus import protobuf
from apps.monitoring.prometheus.messages import _CLASSES as C
from apps.monitoring.prometheus.rows import Conversion
from apps.monitoring.prometheus.text import ExpositionError
from tests.monitoring.prometheus.test_rows import NOW, RESOURCE


def delimited(*families):
    done = b""
    for family in families:
        packed = family.SerializeToString()
        size = len(packed)
        while size >= 0x80:
            done += bytes([size & 0x7F | 0x80])
            size >>= 7
        done += bytes([size]) + packed
    return done


def family(name, kind, **metric):
    labels = [C["Label"](name=k, value=v) for k, v in metric.pop("labels", {}).items()]
    return C["MetricFamily"](name=name, type=kind, metric=[C["Metric"](label=labels, **metric)])


def convert(*families):
    done = Conversion(RESOURCE, {}, NOW, {})
    for one in protobuf.parse(delimited(*families), most_samples=1000):
        done.take(one)
    assert not done.refused
    return done


def test_numbers_and_summaries_are_what_text_says():
    counter = C["Number"](value=3, created_timestamp=C["Stamp"](seconds=1_600_000_000))
    summary = C["Summary"](
        sample_count=2, sample_sum=5.0, quantile=[C["Quantile"](quantile=0.5, value=2.5)]
    )
    done = convert(
        family("jobs_total", 0, counter=counter, labels={"kind": 'a"b\\c\nd'}),
        family("depth", 1, gauge=C["Number"](value=-1)),
        family("rpc_seconds", 2, summary=summary, timestamp_ms=1000),
    )
    found = {(s.series.metric.name, s.value) for s in done.samples}
    assert found == {
        ("jobs_total", 3.0), ("depth", -1.0), ("rpc_seconds", 2.5), ("rpc_seconds_sum", 5.0),
        ("rpc_seconds_count", 2.0),
    }  # fmt: skip
    jobs = done.samples[0]
    assert jobs.series.attrs == {"kind": 'a"b\\c\nd'}
    assert jobs.start_ns == 1_600_000_000_000_000_000
    assert {s.time_ns for s in done.samples} == {NOW, 1_000_000_000}


def test_a_native_histogram_is_one_exponential_point():
    exemplar = C["Exemplar3"](
        label=[C["Label"](name="trace_id", value="ab" * 16)], value=1.5,
        timestamp=C["Stamp"](seconds=1_700_000_000),
    )  # fmt: skip
    native = C["Histogram3"](
        sample_count=4, sample_sum=6.0, schema=3, zero_threshold=1e-128, zero_count=1,
        positive_span=[C["Span"](offset=1, length=2)], positive_delta=[1, 1],
        exemplars=[exemplar],
    )  # fmt: skip
    (point,) = convert(family("took_seconds", 4, histogram=native)).histograms
    assert (point.scale, point.offset, point.positive, point.zero) == (3, 0, [1, 2], 1)
    assert (point.count, point.sum, point.time_ns) == (4, 6.0, NOW)
    assert point.exemplars[0]["trace_id"] == "ab" * 16
    assert point.exemplars[0]["time_ns"] == 1_700_000_000_000_000_000


def test_an_empty_native_histogram_is_told_from_a_classic_one():
    empty = C["Histogram3"](schema=3, positive_span=[C["Span"](offset=0, length=0)])
    classic = C["Histogram3"](
        sample_count=3, sample_sum=2.0,
        bucket=[C["Bucket"](cumulative_count=1, upper_bound=0.5)],
    )  # fmt: skip
    first, second = convert(
        family("a", 4, histogram=empty), family("b", 4, histogram=classic)
    ).histograms
    assert (first.scale, first.count, first.positive) == (3, 0, [])
    assert (second.bounds, second.positive) == ((0.5,), [1, 2])


@pytest.mark.parametrize("cut", [1, 5, -1])
def test_a_body_that_ends_early_is_refused(cut):
    whole = delimited(family("depth", 1, gauge=C["Number"](value=1)))
    with pytest.raises(ExpositionError):
        protobuf.parse(whole[:cut], most_samples=10)


def test_more_samples_than_allowed_are_refused():
    one = family("depth", 1, gauge=C["Number"](value=1))
    with pytest.raises(ExpositionError, match="more than 2"):
        protobuf.parse(delimited(one, one, one), most_samples=2)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(body):
    try:
        families = protobuf.parse(body, most_samples=100)
    except ExpositionError:
        return
    done = Conversion(RESOURCE, {}, NOW, {})
    for one in families:
        done.take(one)


def test_empty_families_cannot_fill_the_memory():
    with pytest.raises(ExpositionError, match="families"):
        protobuf.parse(b"\0" * 5, most_samples=3)
