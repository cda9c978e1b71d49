"""Reading metrics: figures, groups, gaps, resets, fresh data."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.intake.commit import GroupCommitter
from apps.monitoring.queries import catalogue
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store.rows import Batch, Histogram, Kind, Resource, Sample, Temporality
from tests.monitoring.store import make


@pytest.fixture
def committer(store):
    reads.forget()
    made = GroupCommitter()
    yield made
    assert made.close(10)


def at(ago_s):
    """Unix nanoseconds `ago_s` seconds before a whole minute some ten minutes back."""
    return int((base() - timedelta(seconds=ago_s)).timestamp()) * 10**9


def base():
    now = datetime.now(UTC)
    return now.replace(second=0, microsecond=0) - timedelta(minutes=10)


def chart(query, ago_s=60, step_s=10, after_s=0):
    rng = TimeRange(base() - timedelta(seconds=ago_s), base() + timedelta(seconds=after_s))
    return reads.read(query, rng, step_s)


def values(result):
    return [value for _, value in result.points]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("avg", 2.0), ("min", 1.0), ("max", 3.0), ("last", 3.0), ("count", 3.0), ("sum", 2.0)],
)
def test_a_gauge_gives_each_figure_and_gaps_are_none(committer, aggregation, expected):
    gauge = make.series("cpu")
    points = [Sample(gauge, at(30 - i), v) for i, v in enumerate([1.0, 2.0, 3.0])]
    committer.ingest(Batch(samples=points))
    (result,) = chart(SeriesQuery("cpu", aggregation))
    assert values(result) == [None, None, None, expected, None, None]
    assert result.points[0][0] == base() - timedelta(seconds=60)


def test_the_range_is_half_open(committer):
    gauge = make.series("cpu")
    committer.ingest(Batch(samples=[Sample(gauge, at(60), 1.0), Sample(gauge, at(0), 2.0)]))
    (result,) = chart(SeriesQuery("cpu"))
    assert values(result) == [1.0, None, None, None, None, None]


def test_groups_follow_labels_of_series_and_resource(committer):
    other = Resource({"service.name": "cart"})
    parts = [
        (make.series("m", route="/a"), 1.0),
        (make.series("m", route="/b"), 2.0),
        (make.series("m", resource=other, route="/a"), 4.0),
    ]
    committer.ingest(Batch(samples=[Sample(s, at(5), v) for s, v in parts]))
    by_route = {
        r.labels["route"]: values(r)[-1] for r in chart(SeriesQuery("m", "sum", by=("route",)))
    }
    assert by_route == {"/a": 5.0, "/b": 2.0}
    by_service = chart(SeriesQuery("m", "max", by=("service.name",)))
    assert [(r.labels, values(r)[-1]) for r in by_service] == [
        ({"service.name": "cart"}, 4.0), ({"service.name": "shop"}, 2.0),
    ]  # fmt: skip
    assert [values(r)[-1] for r in chart(SeriesQuery("m", "sum", {"service.name": "shop"}))] == [
        3.0
    ]
    assert [values(r)[-1] for r in chart(SeriesQuery("m", "sum", {"route": "/*"}))] == [7.0]
    assert chart(SeriesQuery("m", "sum", {"route": "/c"})) == []
    assert [r.labels for r in chart(SeriesQuery("m", by=("absent",)))] == [{"absent": ""}]


def test_a_delta_sum_gives_its_rate(committer):
    counter = make.series("hits", Kind.SUM, Temporality.DELTA)
    committer.ingest(Batch(samples=[Sample(counter, at(29 - i), 5.0) for i in range(4)]))
    (increase,) = chart(SeriesQuery("hits", "increase"))
    (rate,) = chart(SeriesQuery("hits", "rate"))
    assert values(increase)[3] == 20.0
    assert values(rate)[3] == 2.0
    assert rate.unit == "1/s"


def test_a_cumulative_sum_with_a_reset_gives_its_increase(committer):
    counter = make.series("bytes", Kind.SUM, Temporality.CUMULATIVE, unit="By")
    old, new = at(3600), at(33)
    points = [
        Sample(counter, at(70), 100.0, old),
        Sample(counter, at(55), 110.0, old),
        Sample(counter, at(45), 130.0, old),
        Sample(counter, at(25), 7.0, new),
        Sample(counter, at(15), 9.0, new),
    ]
    committer.ingest(Batch(samples=points))
    (result,) = chart(SeriesQuery("bytes", "increase"))
    assert values(result) == [10.0, 20.0, None, 7.0, 2.0, None]
    assert result.unit == "By"


def test_a_counter_born_in_the_range_counts_from_zero_and_an_older_one_does_not(committer):
    born = make.series("born", Kind.SUM, Temporality.CUMULATIVE)
    old = make.series("old", Kind.SUM, Temporality.CUMULATIVE)
    committer.ingest(
        Batch(samples=[Sample(born, at(5), 8.0, at(50)), Sample(old, at(5), 8.0, at(86400))])
    )
    assert values(chart(SeriesQuery("born", "increase"))[0])[-1] == 8.0
    assert values(chart(SeriesQuery("old", "increase"))[0])[-1] == 0.0


def test_a_start_time_that_jitters_is_no_reset(committer):
    counter = make.series("c", Kind.SUM, Temporality.CUMULATIVE)
    committer.ingest(
        Batch(
            samples=[Sample(counter, at(70 - 10 * i), 1000.0 + i, at(7200) + i) for i in range(7)]
        )
    )
    assert values(chart(SeriesQuery("c", "increase"))[0]) == [1.0] * 6


def test_percentiles_come_from_merged_histograms(committer):
    quick = make.series("d", Kind.HISTOGRAM, Temporality.DELTA, unit="s", route="/a")
    slow = make.series("d", Kind.HISTOGRAM, Temporality.DELTA, unit="s", route="/b")
    committer.ingest(
        Batch(
            histograms=[
                make.histogram(quick, [0.01] * 90, at(25)),
                make.histogram(slow, [1.0] * 10, at(24)),
            ]
        )
    )
    for aggregation, expected in [("p50", 0.01), ("p95", 1.0), ("p99", 1.0), ("max", 1.0),
                                  ("count", 100), ("rate", 10.0), ("avg", 0.109)]:  # fmt: skip
        (result,) = chart(SeriesQuery("d", aggregation))
        assert values(result)[3] == pytest.approx(expected, rel=0.0109), aggregation
    by_route = chart(SeriesQuery("d", "p95", by=("route",)))
    assert [values(r)[3] for r in by_route] == pytest.approx([0.01, 1.0], rel=0.0109)


def test_cumulative_explicit_histograms_are_diffed_and_interpolated(committer):
    series = make.series("d", Kind.HISTOGRAM, Temporality.CUMULATIVE)

    def point(ago_s, counts, start):
        return Histogram(
            series, start, at(ago_s), sum(counts), float(sum(counts)), None, None, None, 0, 0,
            counts, bounds=(1.0, 2.0, 4.0),
        )  # fmt: skip

    old, new = at(3600), at(22)
    committer.ingest(
        Batch(
            histograms=[
                point(65, [100, 0, 0, 0], old),
                point(45, [100, 10, 0, 0], old),
                point(35, [100, 10, 20, 0], old),
                point(15, [4, 0, 0, 0], new),
            ]
        )
    )
    (count,) = chart(SeriesQuery("d", "count"))
    assert values(count) == [None, 10.0, 20.0, None, 4.0, None]
    (median,) = chart(SeriesQuery("d", "p50"))
    assert values(median)[1:3] == [1.5, 3.0]


def test_data_committed_a_moment_ago_shows_at_once_in_a_long_range(committer):
    gauge = make.series("cpu")
    committer.ingest(Batch(samples=[Sample(gauge, make.now_ns() - 10**9, 5.0)]))
    now = datetime.now(UTC)
    for hours, step_s in ((1, 5), (24, 60), (24 * 20, 3600)):
        (result,) = reads.read(
            SeriesQuery("cpu"), TimeRange(now - timedelta(hours=hours), now), step_s
        )
        assert [v for v in values(result) if v is not None] == [5.0]
    committer.ingest(Batch(samples=[Sample(gauge, make.now_ns(), 7.0)]))
    (result,) = reads.read(
        SeriesQuery("cpu", "max"), TimeRange(now - timedelta(days=1), datetime.now(UTC)), 60
    )
    assert max(v for v in values(result) if v is not None) == 7.0


def test_points_and_lines_are_bounded(committer):
    many = [make.series("wide", n=str(i)) for i in range(150)]
    committer.ingest(Batch(samples=[Sample(s, at(5), 1.0) for s in many]))
    results = reads.read(
        SeriesQuery("wide", by=("n",)), TimeRange(base() - timedelta(hours=5), base()), 1
    )
    assert len(results) == 100
    assert all(len(r.points) <= 1500 for r in results)


def test_latest_gives_the_figure_of_the_window(committer):
    gauge = make.series("cpu", core="0")
    idle = make.series("cpu", core="1")
    now = make.now_ns()
    committer.ingest(
        Batch(samples=[Sample(gauge, now - 5 * 10**9, 4.0), Sample(gauge, now, 6.0),
                       Sample(idle, now - 600 * 10**9, 1.0)])
    )  # fmt: skip
    found = {r.labels["core"]: r for r in reads.latest(SeriesQuery("cpu", by=("core",)), 60)}
    assert found["0"].value == 5.0
    assert abs(found["0"].at.timestamp() - now / 1e9) < 0.01
    assert (found["1"].value, found["1"].at) == (None, None)
    assert reads.latest(SeriesQuery("nothing"), 60) == []


def test_latest_percentile_and_rate_over_a_window(committer):
    series = make.series("d", Kind.HISTOGRAM, Temporality.DELTA)
    committer.ingest(Batch(histograms=[make.histogram(series, [0.5] * 20, make.now_ns())]))
    (p95,) = reads.latest(SeriesQuery("d", "p95"), 10)
    (rate,) = reads.latest(SeriesQuery("d", "rate"), 10)
    assert p95.value == pytest.approx(0.5, rel=0.0109)
    assert rate.value == pytest.approx(2.0)
    (day,) = reads.latest(SeriesQuery("d", "count"), 86400)
    assert day.value == 20


def test_an_aggregation_the_metric_does_not_have_is_refused(committer):
    committer.ingest(Batch(samples=[Sample(make.series("cpu"), at(5), 1.0)]))
    for aggregation in ("rate", "p95", "increase"):
        with pytest.raises(InvalidInputError, match="cpu is a gauge"):
            chart(SeriesQuery("cpu", aggregation))
    with pytest.raises(InvalidInputError, match="median"):
        SeriesQuery("cpu", "median")
    with pytest.raises(InvalidInputError):
        SeriesQuery("cpu\0")


def test_hostile_names_are_only_names(committer):
    query = SeriesQuery("x'; DROP TABLE tm_series --", scope={"a'b": "%*", "c": "\\"}, by=("'{}",))
    assert chart(query) == []
    committer.ingest(Batch(samples=[Sample(make.series("q", **{"a'b": "%d"}), at(5), 1.0)]))
    (result,) = chart(SeriesQuery("q", scope={"a'b": "%*"}, by=("a'b", "'{}")))
    assert result.labels == {"a'b": "%d", "'{}": ""}


def test_the_catalogue_lists_metrics_by_prefix(committer):
    committer.ingest(
        Batch(
            samples=[
                Sample(make.series(n, k=k), at(5), 1.0) for n in ("a.x", "a.y", "b") for k in "12"
            ]
        )
    )
    assert [(m.name, m.kind, m.series) for m in catalogue.catalogue("a.")] == [
        ("a.x", "gauge", 2), ("a.y", "gauge", 2),
    ]  # fmt: skip
    assert len(catalogue.catalogue(limit=1)) == 1
    assert catalogue.metric_exists("b")
    assert not catalogue.metric_exists("c")
