"""Ranked charts: the largest lines, one exact line of all others; conditions; labels."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.intake.commit import GroupCommitter
from apps.monitoring.queries import labels, ranked
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.filters import Filter
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store import histograms
from apps.monitoring.store.rows import Batch, Histogram, Kind, Resource, Sample, Temporality
from tests.monitoring.store import make

BASE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
RANGE = TimeRange(BASE, BASE + timedelta(minutes=2))
ROUTES = [f"/r{i}" for i in range(8)]
ODD = 'it\'s a "%s" \\ {0} — ключ'


def ns(second):
    return int(BASE.timestamp() + second) * 10**9


def observed(i):
    return [0.01 * (i + 1) * (n + 1) for n in range(10)]


@pytest.fixture
def committer(store):
    """Eight routes with a gauge, a counter and a histogram each."""
    made = GroupCommitter()
    batch = Batch()
    for i, route in enumerate(ROUTES):
        gauge = make.series("g", route=route)
        counter = make.series("c", Kind.SUM, Temporality.DELTA, route=route)
        times = make.series("h", Kind.HISTOGRAM, Temporality.DELTA, route=route, unit="s")
        batch.samples += [Sample(gauge, ns(10), float(i)), Sample(gauge, ns(70), float(2 * i))]
        batch.samples += [Sample(counter, ns(s), float(i)) for s in (10, 20, 70)]
        batch.histograms += [make.histogram(times, observed(i), ns(s)) for s in (10, 70)]
    made.ingest(batch)
    yield made
    assert made.close(10)


def lines(query, top=3, step_s=60):
    reads.forget()
    found = ranked.read(query, RANGE, step_s, top)
    return [(line.result.labels.get("route"), line.merged) for line in found.lines], found.lines


def test_the_largest_come_first_and_all_others_are_one_line(committer):
    names, _ = lines(SeriesQuery("c", "increase", by=("route",)))
    assert names == [("/r7", 1), ("/r6", 1), ("/r5", 1), (None, 5)]
    _, shown = lines(SeriesQuery("c", "increase", by=("route",)))
    others = shown[-1]
    assert [v for _, v in others.result.points] == [2.0 * sum(range(5)), float(sum(range(5)))]
    assert others.whole == 3.0 * sum(range(5))


def test_percentiles_of_the_others_are_those_of_all_their_observations(committer):
    _, shown = lines(SeriesQuery("h", "p95", by=("route",)))
    rest = [v for i in range(5) for v in observed(i)]
    exact = histograms.quantile(histograms.from_values(rest), 0.95)
    assert [v for _, v in shown[-1].result.points] == [exact, exact]
    assert shown[-1].whole == histograms.quantile(histograms.from_values(rest * 2), 0.95)


def test_of_the_sum_of_a_gauge_the_whole_is_the_mean_over_the_range(committer):
    _, (one,) = lines(SeriesQuery("g", "sum"))
    assert [v for _, v in one.result.points] == [28.0, 56.0]
    assert one.whole == 42.0


def test_one_line_more_is_shown_rather_than_one_other(committer):
    names, _ = lines(SeriesQuery("g", "max", by=("route",)), top=7)
    assert len(names) == 8
    assert all(merged == 1 for _, merged in names)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("route=/r3", {"/r3"}),
        ("route!=/r3", set(ROUTES) - {"/r3"}),
        ("route=~/r[01]", {"/r0", "/r1"}),
        # A pattern matches the whole value.
        ("route=~r[01]", set()),
        ("route!~/r[0-5]", {"/r6", "/r7"}),
        ("service.name=shop", set(ROUTES)),
        ("absent=", set(ROUTES)),
        ("absent!=x", set(ROUTES)),
        ("absent=~.+", set()),
    ],
)
def test_conditions_choose_series(committer, condition, expected):
    query = SeriesQuery("g", "last", by=("route",), where=(Filter.parse(condition),))
    found = reads.read(query, RANGE, 60)
    assert {line.labels["route"] for line in found} == expected


def test_a_value_is_taken_literally_whatever_is_in_it(committer):
    committer.ingest(Batch(samples=[Sample(make.series("o", **{ODD: ODD}), ns(5), 1.0)]))
    query = SeriesQuery("o", "last", by=(ODD,), where=(Filter(ODD, "=", ODD),))
    assert [line.labels for line in reads.read(query, RANGE, 60)] == [{ODD: ODD}]
    (value,) = labels.values("o", ODD, "ключ")
    assert value.value == ODD


@pytest.mark.parametrize("text", ["", "route", "=x", "~x", "route=~" + "a" * 300, "a=\0"])
def test_what_is_no_condition_is_told(text):
    with pytest.raises(InvalidInputError):
        Filter.parse(text)


def test_a_pattern_that_is_none_is_told(committer):
    query = SeriesQuery("g", "last", where=(Filter.parse("route=~(["),))
    with pytest.raises(InvalidInputError, match="regular expression"):
        reads.read(query, RANGE, 60)


def test_percentiles_between_the_senders_bounds_are_marked(committer):
    series = make.series("e", Kind.HISTOGRAM, Temporality.DELTA)
    point = Histogram(
        series, 0, ns(10), 4, 4.0, None, None, None, 0, 0, [1, 2, 1], bounds=(1.0, 2.0)
    )
    committer.ingest(Batch(histograms=[point]))
    by = {q: reads.read(SeriesQuery("e", q), RANGE, 60)[0].interpolated for q in ("p95", "count")}
    assert by == {"p95": True, "count": False}
    (own,) = reads.read(SeriesQuery("h", "p95"), RANGE, 60)
    assert not own.interpolated


def test_labels_are_told_with_their_values(committer):
    other = make.series("g", resource=Resource({"service.name": "cart"}), route="/r0")
    committer.ingest(Batch(samples=[Sample(other, ns(10), 1.0)]))
    found = {label.name: (label.values, label.series) for label in labels.labels("g")}
    assert found == {"route": (8, 9), "service.name": (2, 9), "host.name": (1, 8)}
    assert [v.value for v in labels.values("g", "route")][:2] == ["/r0", "/r1"]
    assert [v.value for v in labels.values("g", "route", "R3")] == ["/r3"]
    cart = (Filter.parse("service.name=cart"),)
    assert [v.value for v in labels.values("g", "route", where=cart)] == ["/r0"]
