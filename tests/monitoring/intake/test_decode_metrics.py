"""Decoding alone: what metrics become."""

import math

import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from apps.monitoring.intake import limits, series_cache
from apps.monitoring.store.rows import Kind, Temporality
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.decoding import (
    METRICS,
    NOW,
    decoded,
    explicit,
    histogram,
    metric_points,
)


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


def test_series_beyond_the_cap_of_a_metric_are_taken_but_not_remembered():
    points = [m.point(1, {"user": f"u{i}"}) for i in range(limits.SERIES_PER_METRIC + 5)]
    done = decoded(METRICS, m.metrics(m.gauge(*points, name="exploding")))
    assert (done.rejected, len(done.batch.samples)) == (0, len(points))
    again = decoded(METRICS, m.metrics(m.gauge(points[0], points[-1], name="exploding")))
    first, last = (row.series for row in again.batch.samples)
    assert first is done.batch.samples[0].series
    assert last is not done.batch.samples[-1].series
    assert last.hash == done.batch.samples[-1].series.hash


def test_a_request_with_more_such_series_than_memory_should_hold_is_cut(monkeypatch):
    monkeypatch.setattr(limits, "UNREMEMBERED_A_REQUEST", 10)
    points = [m.point(1, {"user": f"v{i}"}) for i in range(limits.SERIES_PER_METRIC + 15)]
    done = decoded(METRICS, m.metrics(m.gauge(*points, name="exploding.more")))
    assert done.rejected == 5
    assert [name for _, name in done.by_metric] == ["exploding.more"]


def test_a_resource_brings_so_many_metrics_and_no_more(monkeypatch):
    monkeypatch.setattr(limits, "METRICS_PER_RESOURCE", 3)
    of = [m.gauge(m.point(1), name=f"named{i}") for i in range(5)]
    done = decoded(METRICS, m.metrics(*of, service="many-names"))
    assert (done.rejected, len(done.batch.samples)) == (2, 3)


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
