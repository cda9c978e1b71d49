"""Families as rows: kinds, units, histograms made whole, and what is refused."""

import math

from apps.monitoring.prometheus import naming
from apps.monitoring.prometheus.rows import Conversion
from apps.monitoring.prometheus.text import parse
from apps.monitoring.store.rows import Kind, Resource

RESOURCE = Resource({"service.name": "shop", "service.instance.id": "shop:80"})
NOW = 1_700_000_000_000_000_000


def convert(text, *, before=None, labels=None, open_metrics=False):
    done = Conversion(RESOURCE, labels or {}, NOW, before or {})
    for family in parse(text, open_metrics=open_metrics, most_samples=10_000):
        done.take(family)
    return done


HISTOGRAM = """
# TYPE took_seconds histogram
took_seconds_bucket{path="/",le="0.1"} 3
took_seconds_bucket{le="0.5",path="/"} 7
took_seconds_bucket{path="/",le="+Inf"} 9
took_seconds_sum{path="/"} 4.5
took_seconds_count{path="/"} 9
"""


def test_a_classic_histogram_becomes_one_point():
    (point,) = convert(HISTOGRAM).histograms
    assert point.series.metric == naming.histogram("took_seconds")
    assert point.series.metric.unit == "s"
    assert point.series.attrs == {"path": "/"}
    assert (point.bounds, point.positive) == ((0.1, 0.5), [3, 4, 2])
    assert (point.count, point.sum, point.scale, point.time_ns) == (9, 4.5, None, NOW)


def test_the_next_scrape_uses_the_same_series():
    first = convert(HISTOGRAM + "a_total 1\n")
    second = convert(HISTOGRAM + "a_total 2\n", before=first.memory)
    assert second.histograms[0].series is first.histograms[0].series
    assert second.samples[0].series is first.samples[0].series
    gone = convert("b 1\n", before=second.memory)
    assert len(gone.memory) == 1


def test_names_are_kept_and_kinds_follow_the_type_or_the_suffix():
    text = """
# TYPE legacy counter
legacy 1
# TYPE depth gauge
depth_total 2
depth 3
untyped_total 4
untyped 5
# TYPE rpc_seconds summary
rpc_seconds{quantile="0.5"} 0.25
rpc_seconds_sum 10
rpc_seconds_count 20
"""
    found = {s.series.metric.name: s.series.metric for s in convert(text).samples}
    kinds = {name: (metric.kind, metric.monotonic) for name, metric in found.items()}
    assert kinds == {
        "legacy": (Kind.SUM, True), "depth": (Kind.GAUGE, False), "depth_total": (Kind.SUM, True),
        "untyped_total": (Kind.SUM, True), "untyped": (Kind.GAUGE, False),
        "rpc_seconds": (Kind.GAUGE, False), "rpc_seconds_sum": (Kind.SUM, True),
        "rpc_seconds_count": (Kind.SUM, True),
    }  # fmt: skip
    assert found["rpc_seconds_sum"].unit == "s"
    assert found["rpc_seconds_count"].unit == "1"


def test_labels_of_the_target_win_and_a_clash_keeps_both():
    (sample,) = convert('a{region="us",x="1"} 1\n', labels={"region": "eu"}).samples
    assert sample.series.attrs == {"region": "eu", "exported_region": "us", "x": "1"}


def test_when_a_counter_began_is_kept_and_is_no_series():
    text = '# TYPE a counter\na_total{x="1"} 5\na_created{x="1"} 1.6e9\n# EOF\n'
    (sample,) = convert(text, open_metrics=True).samples
    assert sample.start_ns == 1_600_000_000_000_000_000


def test_exemplars_of_buckets_lead_to_their_trace():
    text = (
        "# TYPE a histogram\n"
        f'a_bucket{{le="1.0"}} 1 # {{trace_id="{"AB" * 16}",span_id="{"cd" * 8}",who="x"}} 0.5\n'
        'a_bucket{le="+Inf"} 1\na_count 1\na_sum 0.5\n# EOF\n'
    )
    (point,) = convert(text, open_metrics=True).histograms
    assert point.exemplars == [
        {"time_ns": NOW, "value": 0.5, "trace_id": "ab" * 16, "span_id": "cd" * 8,
         "attrs": {"who": "x"}}
    ]  # fmt: skip


def test_what_makes_no_sense_is_refused_alone():
    text = """
# TYPE down histogram
down_bucket{le="1"} 5
down_bucket{le="2"} 3
down_bucket{le="+Inf"} 5
# TYPE none histogram
none_bucket{le="1"} 5
# TYPE far histogram
far_bucket{le="1"} 1
far_bucket{le="+Inf"} 1e300
bad{a=1} 1
twice 1
twice 2
good 1
"""
    done = convert(text)
    assert [s.series.metric.name for s in done.samples] == ["twice", "good"]
    assert done.samples[0].value == 1
    assert not done.histograms
    assert done.refused.total() == 5


def test_not_a_number_is_stored_as_no_value():
    assert all(math.isnan(s.value) for s in convert("a NaN\nb +Inf\n").samples)
