"""Remote write bodies as rows."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.prometheus.remote import WriteError, decode
from apps.monitoring.store import histograms
from apps.monitoring.store.rows import Kind
from tests.monitoring.prometheus import make

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
NOW = 1_700_000_000_000


def test_job_and_instance_name_the_resource_and_the_rest_are_attributes():
    one = make.series((NOW, 3.0), name="jobs_total", job="shop", instance="a:80", kind="mail")
    done = decode(make.request(one), version=1)
    (row,) = done.batch.samples
    assert row.series.resource.attrs == {"service.name": "shop", "service.instance.id": "a:80"}
    assert row.series.attrs == {"kind": "mail"}
    assert row.series.metric.kind is Kind.SUM
    assert (row.time_ns, row.value) == (NOW * 1_000_000, 3.0)
    again = decode(make.request(one), version=1).batch.samples[0]
    assert again.series is row.series


def test_a_stale_marker_is_a_sample_without_a_value():
    body = make.request(make.series((NOW, STALE), (NOW + 1, 2.0), name="up"))
    values = [row.value for row in decode(body, version=1).batch.samples]
    assert math.isnan(values[0])
    assert values[1] == 2.0


def test_a_native_histogram_keeps_its_buckets():
    native = make.histogram(
        count_int=12, sum=30.0, schema=3, zero_count_int=2, zero_threshold=1e-9, timestamp=NOW,
        positive_spans=[(0, 2), (3, 1)], positive_deltas=[1, 2, -2],
        negative_spans=[(-1, 2)], negative_deltas=[3, -1],
    )  # fmt: skip
    told = make.exemplar(NOW, 1.5, trace_id="ab" * 16)
    one = make.series(name="took_seconds", histograms=[native])
    apart = make.series(name="took_seconds", exemplars=[told])
    done = decode(make.request(one, apart), version=1)
    (row,) = done.batch.histograms
    # Prometheus' bucket 0 is (2^(-1/8), 1], which is OpenTelemetry's bucket -1.
    assert (row.scale, row.offset, row.positive) == (3, -1, [1, 3, 0, 0, 0, 1])
    assert (row.negative_offset, row.negative, row.zero) == (-2, [3, 2], 2)
    assert row.exemplars[0]["trace_id"] == "ab" * 16
    state = histograms.from_point(row)
    assert histograms.quantile(state, 0.8) == pytest.approx(1.0, rel=0.1)
    assert done.exemplars == 1


def test_custom_bounds_become_an_explicit_histogram():
    native = make.histogram(
        count_int=6, sum=9.0, schema=-53, timestamp=NOW, custom_values=[1.0, 2.0, 5.0],
        positive_spans=[(1, 1), (1, 1)], positive_deltas=[2, 2],
    )  # fmt: skip
    (row,) = decode(
        make.request(make.series(name="took", histograms=[native])), version=1
    ).batch.histograms
    assert (row.bounds, row.positive) == ((1.0, 2.0, 5.0), [0, 2, 0, 4])


@pytest.mark.parametrize(
    "changes",
    [
        {"positive_spans": [(0, 1), (2**31 - 1, 1)], "positive_deltas": [1, 0]},
        {"positive_spans": [(0, 2**32 - 1)], "positive_deltas": [1]},
        {"positive_spans": [(0, 2), (-2, 1)], "positive_deltas": [1, 0, 0]},
        {"positive_spans": [(0, 1)], "positive_deltas": [-1]},
        {"positive_spans": [(0, 1)], "positive_counts": [math.nan]},
        {"schema": 9}, {"schema": -5}, {"reset_hint": 3}, {"timestamp": 0},
        {"schema": -53, "positive_spans": [(0, 2)], "positive_deltas": [1, 0]},
        {"count_float": -1.0, "count_int": 0},
    ],
)  # fmt: skip
def test_a_histogram_that_makes_no_sense_is_refused_and_its_neighbour_kept(changes):
    fields = {"count_int": 1, "sum": 1.0, "schema": 0, "timestamp": NOW}
    bad = make.series(name="bad", histograms=[make.histogram(**{**fields, **changes})])
    done = decode(make.request(bad, make.series((NOW, 1.0), name="good")), version=1)
    assert done.refused.total() == 1
    assert not done.batch.histograms
    assert len(done.batch.samples) == 1


def test_a_stale_histogram_leaves_no_row_and_is_no_fault():
    stale = make.series(name="a", histograms=[make.histogram(sum=STALE, timestamp=NOW)])
    done = decode(make.request(stale), version=1)
    assert not len(done.batch)
    assert not done.refused


@pytest.mark.parametrize(
    "labels", [{}, {"name": "1a"}, {"name": "a b"}, {"name": "a" * 256}, {"name": "a", "": "x"}]
)
def test_labels_that_make_no_sense_are_refused(labels):
    done = decode(make.request(make.series((NOW, 1.0), **labels)), version=1)
    assert done.refused.total() == 1
    assert not len(done.batch)


@pytest.mark.parametrize("ms", [0, -1, 2**63 - 1])
def test_times_out_of_range_are_refused(ms):
    done = decode(make.request(make.series((ms, 1.0), name="a")), version=1)
    assert done.refused.total() == 1


def test_version_2_knows_the_type_and_the_start():
    body = make.request2(
        ({"__name__": "odd", "job": "x"}, {
            "samples": [make.sample(NOW, 1.0)], "metadata": make.metadata(1),
            "created_timestamp": NOW - 5,
        }),
        ({"__name__": "depth_total"}, {
            "samples": [make.sample(NOW, 1.0, start_timestamp=NOW - 1)],
            "metadata": make.metadata(2),
        }),
    )  # fmt: skip
    first, second = decode(body, version=2).batch.samples
    assert first.series.metric.kind is Kind.SUM
    assert first.start_ns == (NOW - 5) * 1_000_000
    assert second.series.metric.kind is Kind.GAUGE


def test_version_2_with_references_to_nowhere_keeps_the_rest():
    body = make.request2(({"__name__": "a"}, {"samples": [make.sample(NOW, 1.0)]}))
    request = make.messages.Request2.FromString(body)
    request.timeseries.add(labels_refs=[99, 100], samples=[make.sample(NOW, 1.0)])
    request.timeseries.add(labels_refs=[1], samples=[make.sample(NOW, 1.0)])
    done = decode(request.SerializeToString(), version=2)
    assert (len(done.batch), done.refused.total()) == (1, 2)


@given(st.binary(max_size=300), st.sampled_from((1, 2)))
def test_no_bytes_do_anything_but_be_read_or_refused(body, version):
    try:
        decode(body, version=version)
    except WriteError:
        return


def test_a_small_body_that_claims_more_than_senders_send_is_refused():
    for body in (
        b"\x0a\x00" * 100_001,
        make.request(make.series(*[(NOW, 1.0)] * 100_001, name="a")),
    ):
        with pytest.raises(WriteError, match="more than"):
            decode(body, version=1)
