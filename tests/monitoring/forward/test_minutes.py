"""Differences per minute, read from the rollups, for receivers that take nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.outgoing import Answer
from apps.monitoring.forward import minutes
from apps.monitoring.forward.base import METRICS
from apps.monitoring.forward.sender import Sender, Setup
from apps.monitoring.intake.commit import committer
from apps.monitoring.models import Destination
from apps.monitoring.services import destinations
from apps.monitoring.store import rollups
from apps.monitoring.store.rows import Kind, Sample, Temporality
from tests.monitoring.intake.decoding import METRICS as METRICS_IN
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

pytestmark = pytest.mark.django_db(transaction=True)

# Four minutes ago: its minutes are finished, and yet not behind by an hour.
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=8)
CUMULATIVE = Temporality.CUMULATIVE


@pytest.fixture(autouse=True)
def empty_store():
    clear()


def ns(minute: float) -> int:
    return int((START + timedelta(minutes=minute)).timestamp() * 1e9)


def keep(*rows) -> None:
    samples = [row for row in rows if isinstance(row, Sample)]
    histograms = [row for row in rows if not isinstance(row, Sample)]
    committer().ingest(make.batch(samples=samples, histograms=histograms), 20)
    assert rollups.roll_up().finished


@pytest.fixture
def sender(receiver):
    made = Sender(Setup(1, "dog", "datadog", receiver.url, "", (METRICS,)), "key")
    yield made
    made.hang_up()


def points(receiver):
    """(name, kind, minute, value) of every point that was sent."""
    found = []
    for got in receiver.received:
        batch = METRICS_IN.decode(got.body, is_json=False).batch
        found += [
            (row.series.metric.name, row.series.metric.kind, (row.time_ns - ns(1)) // (60 * 10**9),
             row.value if isinstance(row, Sample) else row.count)
            for row in (*batch.samples, *batch.histograms)
        ]  # fmt: skip
    return sorted(found)


def send(sender, first=0, minutes_on=3):
    now = START + timedelta(minutes=first + minutes_on) + minutes.SETTLE
    return minutes.send(sender, START + timedelta(minutes=first), now)


def test_a_counter_is_sent_as_what_it_gained_across_minutes_and_resets(sender, receiver):
    of = make.series("hits", Kind.SUM, CUMULATIVE)
    values = [(0.2, 100), (0.7, 110), (1.5, 150), (2.1, 7), (2.8, 9)]
    keep(*[Sample(of, ns(at), value, ns(-5)) for at, value in values])
    assert send(sender).minutes == 3
    assert points(receiver) == [
        ("hits", Kind.SUM, 0, 10.0), ("hits", Kind.SUM, 1, 40.0), ("hits", Kind.SUM, 2, 9.0),
    ]  # fmt: skip


def test_a_counter_that_began_within_the_minute_counts_in_full(sender, receiver):
    of = make.series("hits", Kind.SUM, CUMULATIVE)
    keep(Sample(of, ns(0.5), 12.0, ns(0.1)))
    send(sender, minutes_on=1)
    assert points(receiver) == [("hits", Kind.SUM, 0, 12.0)]


def test_gauges_are_sent_as_they_stand_and_deltas_as_their_sum(sender, receiver):
    gauge = make.series("queue")
    delta = make.series("jobs", Kind.SUM, Temporality.DELTA)
    level = make.series("open", Kind.SUM, CUMULATIVE, monotonic=False)
    keep(
        *[Sample(gauge, ns(at), value) for at, value in ((0.1, 5), (0.9, 3))],
        *[Sample(delta, ns(at), value, ns(0)) for at, value in ((0.1, 5), (0.9, 3))],
        *[Sample(level, ns(at), value, ns(-9)) for at, value in ((0.1, 5), (0.9, 3))],
    )
    send(sender, minutes_on=1)
    assert points(receiver) == [
        ("jobs", Kind.SUM, 0, 8.0), ("open", Kind.GAUGE, 0, 3.0), ("queue", Kind.GAUGE, 0, 3.0),
    ]  # fmt: skip


def test_cumulative_histograms_are_sent_as_what_they_gained(sender, receiver):
    of = make.series("latency", Kind.HISTOGRAM, CUMULATIVE, unit="s")
    grown = [[0.1], [0.1, 0.2], [0.1, 0.2, 0.3, 0.4]]
    keep(*[make.histogram(of, values, ns(n + 0.5), ns(-5)) for n, values in enumerate(grown)])
    send(sender)
    assert points(receiver) == [
        ("latency", Kind.HISTOGRAM, 1, 1),
        ("latency", Kind.HISTOGRAM, 2, 2),
    ]


def test_what_is_not_taken_is_sent_by_the_next_run(sender, receiver):
    of = make.series("queue")
    keep(*[Sample(of, ns(at), 1.0) for at in (0.5, 1.5, 2.5)])
    receiver.script = [Answer(200, {}, b""), Answer(503, {}, b"")]
    sent = send(sender)
    assert (sent.minutes, sent.error) == (1, "It answered 503.")
    assert sent.until == START + timedelta(minutes=1)
    receiver.received.clear()
    assert send(sender, first=1, minutes_on=2).minutes == 2
    assert [minute for _, _, minute, _ in points(receiver)] == [1, 2]


def test_a_worker_that_looked_before_another_was_done_sends_nothing_again(sender, receiver):
    keep(Sample(make.series("queue"), ns(0.5), 1.0))
    row = Destination(pk=1, name="dog", kind="datadog", endpoint=receiver.url, enabled=True)
    destinations.prepare(row, "k")
    row.save()
    assert send(sender).minutes == 3
    row.refresh_from_db()
    assert row.minutes_until == START + timedelta(minutes=3)
    receiver.received.clear()
    assert send(sender).minutes == 0
    assert not receiver.received


def test_a_minute_whose_rollup_is_behind_waits(sender, receiver):
    of = make.series("queue")
    keep(Sample(of, ns(0.5), 1.0))
    committer().ingest(make.batch(samples=[Sample(of, ns(1.5), 1.0)]), 20)
    assert send(sender).until == START + timedelta(minutes=1)


def test_the_task_moves_the_cursor_of_datadog_alone(receiver):
    now = datetime.now(UTC)
    for kind in ("datadog", "otlp"):
        row = Destination(name=kind, kind=kind, endpoint=receiver.url, enabled=True)
        destinations.prepare(row, "key: k" if kind == "otlp" else "k")
        row.save()
    destinations.send_minutes()
    dog, otlp = Destination.objects.order_by("name")
    assert timedelta(0) < now - dog.minutes_until < timedelta(minutes=3)
    assert otlp.minutes_until is None
