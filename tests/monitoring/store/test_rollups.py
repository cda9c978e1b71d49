"""Rollups equal a brute-force fold of the raw rows, whatever the order things happen in."""

import random
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.timerange import TimeRange
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store import connect, histograms, rollups
from apps.monitoring.store.rows import Batch, Kind, Sample, Temporality
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

HOUR = 3600
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def origin():
    """Unix seconds of a whole hour, some five hours ago."""
    return int(datetime.now(UTC).timestamp()) // HOUR * HOUR - 5 * HOUR


@pytest.fixture
def writer(store):
    made = Writer()
    yield made
    made.close()


@pytest.fixture
def empty(writer):
    def run():
        reads.forget()
        writer.close()
        clear()

    return run


COUNTER = make.series("c", Kind.SUM, Temporality.CUMULATIVE)
GAUGE = make.series("g")


@st.composite
def counters(draw):
    """Points of one cumulative sum over three hours, with resets: (second, value, start)."""
    seconds = sorted(draw(st.sets(st.integers(0, 3 * HOUR - 1), min_size=1, max_size=40)))
    points, value, start = [], draw(st.integers(0, 100)), -HOUR
    for i, second in enumerate(seconds):
        how = draw(st.sampled_from(["grow", "grow", "grow", "restart", "drop"]))
        if how == "grow" or i == 0:
            value += draw(st.integers(0, 50))
        elif how == "restart":
            start = draw(st.integers(seconds[i - 1], second))
            value = draw(st.integers(0, 500))
        else:
            value = draw(st.integers(0, max(0, value - 1)))
        points.append((second, value, start))
    return points


def gains(points):
    """The increase at every point but the first, by brute force."""
    found = {}
    for (a, before, _), (second, value, start) in pairwise(points):
        found[second] = value if value < before or start >= a else value - before
    return found


def expected(points, width):
    """Rollup rows of one series by brute force: bucket → figures."""
    buckets = defaultdict(list)
    for point in points:
        buckets[point[0] // width].append(point)
    rise = gains(points)
    return {
        bucket: {
            "n": len(inside),
            "sum": sum(p[1] for p in inside),
            "min": min(p[1] for p in inside),
            "max": max(p[1] for p in inside),
            "first": inside[0][1],
            "last": inside[-1][1],
            "increase": sum(rise[p[0]] for p in inside[1:]),
        }
        for bucket, inside in buckets.items()
    }


def stored(rows, table, width, begin):
    columns = ("n", "sum", "min", "max", "first", "last", "increase")
    return {
        (int(bucket.timestamp()) - begin) // width: dict(zip(columns, cells, strict=True))
        for bucket, *cells in rows(f"SELECT bucket, {', '.join(columns)} FROM {table}")
    }


@QUICK
@given(points=counters(), seed=st.integers(0, 2**32), parts=st.integers(1, 6))
def test_rollups_equal_brute_force_in_any_order_with_late_data(
    writer, rows, empty, points, seed, parts
):
    empty()
    begin = origin()
    chance = random.Random(seed)
    shuffled = chance.sample(points, len(points))
    for i in range(parts):
        batch = [
            Sample(COUNTER, (begin + s) * 10**9, float(v), (begin + start) * 10**9)
            for s, v, start in shuffled[i::parts]
        ]
        if batch:
            writer.write([Batch(samples=batch)])
        if chance.random() < 0.5:
            rollups.roll_up()
    rollups.roll_up()
    assert stored(rows, "tm_sample_1m", 60, begin) == expected(points, 60)
    assert stored(rows, "tm_sample_1h", HOUR, begin) == expected(points, HOUR)
    assert rows("SELECT count(*) FROM tm_dirty WHERE kind IN (1, 2, 4)") == [(0,)]
    # Once more changes nothing.
    rollups.roll_up()
    assert stored(rows, "tm_sample_1m", 60, begin) == expected(points, 60)


@QUICK
@given(points=counters(), cut=st.integers(0, 40))
def test_a_chart_is_the_same_from_points_minutes_and_hours(writer, rows, empty, points, cut):
    empty()
    begin = origin()
    for part in (points[:cut], points[cut:]):
        batch = [
            Sample(COUNTER, (begin + s) * 10**9, float(v), (begin + start) * 10**9)
            for s, v, start in part
        ]
        if batch:
            writer.write([Batch(samples=batch)])
        if part is not points[cut:]:
            rollups.roll_up()
    rise = gains(points)
    start = datetime.fromtimestamp(begin, UTC)
    for step_s, hours in ((30, 3), (60, 3), (600, 3), (HOUR, 24 * 8)):
        reads.forget()
        late = timedelta(hours=3)
        if hours > 3:
            # The range reaches back to before the counter started: all it shows is gain.
            rise[points[0][0]] = points[0][1]
        (result,) = reads.read(
            SeriesQuery("c", "increase"),
            TimeRange(start + late - timedelta(hours=hours), start + late), step_s,
        )  # fmt: skip
        assert sum(v for _, v in result.points if v is not None) == sum(rise.values())
        for moment, value in result.points:
            second = int(moment.timestamp()) - begin
            inside = [p for p in points if second <= p[0] < second + step_s]
            assert value == (sum(rise.get(p[0], 0) for p in inside) if inside else None)


@QUICK
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2 * HOUR - 1), st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=5)
        ),
        min_size=1, max_size=20, unique_by=lambda p: p[0],
    ),
    st.integers(1, 4),
)  # fmt: skip
def test_histogram_rollups_equal_the_histogram_of_all_values(writer, rows, empty, points, parts):
    empty()
    begin = origin()
    series = make.series("h", Kind.HISTOGRAM, Temporality.DELTA)
    for i in range(parts):
        batch = [make.histogram(series, v, (begin + s) * 10**9) for s, v in points[i::parts]]
        if batch:
            writer.write([Batch(histograms=batch)])
        rollups.roll_up()
    for table, width in (("tm_hist_1m", 60), ("tm_hist_1h", HOUR)):
        whole = defaultdict(list)
        for second, values in points:
            whole[second // width] += values
        found = rows(f"SELECT bucket, n, sum, min, max, pos_off, pos FROM {table}")
        assert len(found) == len(whole)
        for bucket, n, total, low, high, offset, counts in found:
            state = histograms.from_values(whole[(int(bucket.timestamp()) - begin) // width])
            assert (n, low, high, offset) == (
                state.count,
                state.min,
                state.max,
                state.positive.offset,
            )
            assert counts == state.positive.counts.tolist()
            assert total == pytest.approx(state.sum)


def test_cumulative_histograms_gain_the_same_from_every_tier(writer, rows, empty):
    begin = origin()
    series = make.series("h", Kind.HISTOGRAM, Temporality.CUMULATIVE)
    seen, points, total = [], [], 0
    for i in range(120):
        if i == 70:
            seen = []
        seen.append(1.0 + i % 7)
        start = begin + (70 * 60 - 30 if i >= 70 else -HOUR)
        point = make.histogram(series, seen, (begin + i * 60) * 10**9, start * 10**9)
        points.append(point._replace(min=None, max=None))
        total += 1
    random.Random(5).shuffle(points)
    for i in range(6):
        writer.write([Batch(histograms=points[i::6])])
        rollups.roll_up()
    start = datetime.fromtimestamp(begin, UTC)
    for step_s, days in ((30, 0), (60, 0), (HOUR, 8)):
        reads.forget()
        (result,) = reads.read(
            SeriesQuery("h", "count"),
            TimeRange(start - timedelta(days=days), start + timedelta(hours=2)), step_s,
        )  # fmt: skip
        # What the first point shows is news only where the range reaches back to its start.
        news = total if days else total - 1
        assert sum(v for _, v in result.points if v is not None) == news
    assert rows("SELECT count(*) FROM tm_hist_1m WHERE head IS NOT NULL") == [(120,)]


def test_rows_that_commit_while_the_roller_works_are_not_lost(store, rows):
    begin = origin()
    stop = threading.Event()
    sent = []

    def send(which):
        writer = Writer()
        chance = random.Random(which)
        series = make.series("g", n=which)
        while not stop.is_set() and len(sent) < 3000:
            seconds = chance.sample(range(600), 20)
            writer.write(
                [Batch(samples=[Sample(series, (begin + s) * 10**9, 1.0) for s in seconds])]
            )
            sent.append(20)
        writer.close()
        connection.close()

    threads = [threading.Thread(target=send, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        rollups.roll_up()
    stop.set()
    for thread in threads:
        thread.join(30)
    rollups.roll_up()
    assert rows("SELECT sum(n)::int FROM tm_sample_1m") == [(sum(sent),)]
    assert rows("SELECT sum(n)::int FROM tm_sample_1h") == [(sum(sent),)]


def test_a_bucket_that_is_still_open_is_left_alone(writer, rows):
    writer.write([Batch(samples=[Sample(GAUGE, make.now_ns(), 1.0)])])
    assert rollups.roll_up().buckets == 0
    assert rows("SELECT count(*) FROM tm_sample_1m") == [(0,)]
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert rollups.roll_up(now=later).rows == 1


def test_two_rollers_do_not_work_at_once(writer, rows):
    writer.write([Batch(samples=[Sample(GAUGE, origin() * 10**9, 1.0)])])
    with connect.open_connection("other", 10, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [rollups._LOCK_KEY])
        assert rollups.roll_up().buckets == 0
    # A minute and an hour; in the night also the day, which is over.
    assert rollups.roll_up().buckets in (2, 3)


def test_a_roller_that_dies_leaves_everything_as_it_was(writer, rows, monkeypatch):
    writer.write([Batch(samples=[Sample(GAUGE, origin() * 10**9, 1.0)])])
    real = rollups._samples

    def dies(*args):
        real(*args)
        raise RuntimeError("killed")

    monkeypatch.setattr(rollups, "_samples", dies)
    with pytest.raises(RuntimeError):
        rollups.roll_up()
    monkeypatch.undo()
    assert rows("SELECT count(*) FROM tm_sample_1m") == [(0,)]
    rollups.roll_up()
    assert rows("SELECT n FROM tm_sample_1m") == [(1,)]


def test_a_run_that_is_out_of_time_goes_on_in_the_next(writer, rows):
    begin = origin()
    writer.write(
        [Batch(samples=[Sample(GAUGE, (begin + i * 60) * 10**9, 1.0) for i in range(200)])]
    )
    first = rollups.roll_up(budget_s=0)
    assert not first.finished
    assert rollups.roll_up().finished
    assert rows("SELECT sum(n)::int FROM tm_sample_1h") == [(200,)]


def test_staleness_marks_are_no_numbers(writer, rows):
    begin = origin()
    writer.write(
        [
            Batch(
                samples=[
                    Sample(GAUGE, begin * 10**9, 4.0),
                    Sample(GAUGE, (begin + 1) * 10**9, float("nan")),
                ]
            )
        ]
    )
    rollups.roll_up()
    assert rows("SELECT n, sum FROM tm_sample_1m") == [(1, 4.0)]
