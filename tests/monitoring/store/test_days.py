"""The day tier: the same answers as from hours, kept right under late data."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.timerange import TimeRange
from apps.monitoring.queries import plan
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store import histograms, rollups
from apps.monitoring.store.rows import Batch, Kind, Sample, Temporality
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make

DAY = timedelta(days=1)
COUNTER = make.series("c", Kind.SUM, Temporality.CUMULATIVE)
TIMES = make.series("h", Kind.HISTOGRAM, Temporality.DELTA)


def yesterday():
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY


@pytest.fixture
def writer(store):
    made = Writer()
    yield made
    made.close()


def send(writer, hours):
    """A counter that gains 2 an hour and starts anew at noon, and one observation an hour."""
    begin = yesterday()
    batch = Batch()
    for hour in hours:
        at = int((begin + timedelta(hours=hour, minutes=30)).timestamp()) * 10**9
        start = at - (hour % 12) * 3600 * 10**9 - 1800 * 10**9
        batch.samples.append(Sample(COUNTER, at, 2.0 * (hour % 12) + 2, start))
        batch.histograms.append(make.histogram(TIMES, [1.0 + hour], at))
    writer.write([batch])


def charts():
    reads.forget()
    end = yesterday() + 2 * DAY
    wide = TimeRange(end - 40 * DAY, end)
    found = {}
    for query in (SeriesQuery("c", "increase"), SeriesQuery("h", "p95"), SeriesQuery("h", "count")):
        (result,) = reads.read(query, wide, 86_400)
        (figure,) = reads.over(query, TimeRange(end - 40 * DAY + timedelta(hours=5), end))
        found[query.metric, query.aggregation] = (
            [(at, value) for at, value in result.points if value is not None], figure.value,
        )  # fmt: skip
    return found


def test_days_answer_as_hours_do_also_after_late_points(writer, rows):
    send(writer, range(0, 24, 2))
    before = charts()
    rollups.roll_up()
    assert rows("SELECT count(*) FROM tm_sample_1d") == [(1,)]
    assert charts() == before
    # What comes late is in the next answer, and in the day after the next roll-up.
    send(writer, range(1, 24, 2))
    late = charts()
    rollups.roll_up()
    assert charts() == late
    assert late["c", "increase"] == ([(yesterday(), 48.0)], 48.0)
    exact = histograms.quantile(histograms.from_values(1.0 + h for h in range(24)), 0.95)
    assert late["h", "p95"] == ([(yesterday(), exact)], exact)
    assert rows("SELECT n::int FROM tm_hist_1d") == [(24,)]
    assert rows("SELECT count(*)::int FROM tm_dirty WHERE bucket < now() - interval '26 h'") == [
        (0,)
    ]


def test_a_long_range_reads_whole_days_and_its_ends_as_hours(store):
    now = datetime.now(UTC)
    with reads.selection.reader() as cursor:
        # From five in the morning: a range that begins with a day needs no hours before it.
        begin = plan.floor(now, plan.DAY) - 60 * DAY + timedelta(hours=5)
        chosen = plan.one_step(cursor, "sample", begin, now)
        aligned = plan.choose(cursor, "sample", now - 60 * DAY, now, 86_400)
    (days,) = chosen.days
    assert days[0] == plan.ceiling(chosen.start, plan.DAY)
    assert days[1] >= plan.floor(now, plan.DAY) - DAY
    covered = rollups.merged([*chosen.days, *chosen.hours, *chosen.minutes, *chosen.points])
    ((first, last),) = covered
    assert first == chosen.start - timedelta(hours=1)
    assert last >= chosen.end
    assert aligned.days[0][0] == aligned.start - DAY
    assert aligned.step == DAY


def test_ranges_older_than_the_hours_are_read_from_days(store, settings):
    settings.PHAROS_RETENTION_HOURS = {**settings.PHAROS_RETENTION_HOURS, "hours": 48}
    now = datetime.now(UTC)
    with reads.selection.reader() as cursor:
        chosen = plan.choose(cursor, "hist", now - 4 * DAY, now - DAY, 60)
    assert chosen.step == DAY
    assert chosen.days
