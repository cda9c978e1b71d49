"""Costs, reads, drop rules and exemplars, over the real store."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from apps.core.errors import ConflictError, InvalidInputError, NotFoundError
from apps.core.models import AuditEntry
from apps.core.timerange import TimeRange
from apps.monitoring import recorder
from apps.monitoring.models import DropRule, MetricCost
from apps.monitoring.queries import costs, exemplars
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.reads import READS
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.services import costs as measuring
from apps.monitoring.services import drops
from apps.monitoring.services import exemplars as pinning
from apps.monitoring.store import rollups
from apps.monitoring.store.rows import Batch, Kind, Sample, Temporality
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make

TIMES = make.series("h", Kind.HISTOGRAM, Temporality.DELTA, unit="s")


@pytest.fixture
def writer(store):
    made = Writer()
    yield made
    made.close()


def test_rows_bytes_and_rates_are_counted_and_kept_by_name(writer):
    big = [make.series("big", n=n) for n in range(20)]
    writer.write([
        Batch(
            samples=[p for s in big for p in make.samples(s, range(30))]
            + make.samples(make.series("small"), [1.0]),
            histograms=[make.histogram(TIMES, [1.0, 2.0])],
        )
    ])  # fmt: skip
    assert measuring.measure() == 3
    found = {row.name: row for row in costs.costs()}
    assert {name: (row.series, row.rows) for name, row in found.items()} == {
        "big": (20, 600), "small": (1, 1), "h": (1, 1),
    }  # fmt: skip
    assert found["big"].points_per_s == pytest.approx(600 / 86_400)
    assert found["big"].bytes > 100 * found["small"].bytes > 0
    assert not found["big"].sampled
    assert [row.name for row in costs.costs("SMA")] == ["small"]
    first = found["big"].first_measured_at
    writer.write([Batch(samples=make.samples(big[0], [1.0]))])
    measuring.measure()
    again = MetricCost.objects.get(name="big")
    assert (again.rows, again.first_measured_at) == (601, first)
    assert costs.total().rows == 603


def test_large_partitions_are_extrapolated(writer, monkeypatch, rows):
    monkeypatch.setattr("apps.monitoring.store.costs._SAMPLED_ROWS", 4000)
    a, b = make.series("a"), make.series("b")
    now = make.now_ns()
    # Three to one in every block.
    points = [Sample(b if n % 4 == 3 else a, now - n * 1000, 1.0) for n in range(16_000)]
    writer.write([Batch(samples=points)])
    rows("ANALYZE tm_sample")
    measuring.measure()
    found = {row.name: row for row in costs.costs()}
    assert found["a"].sampled
    assert found["a"].rows == pytest.approx(3 * found["b"].rows, rel=0.05)
    assert 6_000 < found["a"].rows < 24_000


def read(name, reader, days_ago, rows):
    series = make.series(READS, Kind.SUM, Temporality.DELTA, **{"metric.name": name,
                         "reader": reader})  # fmt: skip
    own = Writer()
    own.write([Batch(samples=make.samples(series, [1.0]))])
    own.close()
    rows(
        "UPDATE tm_series SET last_seen = now() - %s * interval '1 day',"
        " first_seen = now() - interval '60 days' WHERE attrs ->> 'metric.name' = %s",
        days_ago, name,
    )  # fmt: skip


def test_what_nobody_has_read_for_thirty_days_is_unused(writer, rows):
    for name in ("idle", "busy", "never", "young"):
        writer.write([Batch(samples=make.samples(make.series(name), [1.0]))])
    read("idle", "api", 31, rows)
    read("busy", "rule", 1, rows)
    measuring.measure()
    MetricCost.objects.exclude(name="young").update(
        first_measured_at=datetime.now(UTC) - timedelta(days=50)
    )
    usage = costs.usage()
    found = {row.name: usage.unused(row) for row in costs.costs() if row.name != READS}
    assert found == {"idle": True, "busy": False, "never": True, "young": False}
    assert [r.reader for r in usage.reads["busy"]] == ["rule"]
    # Before reads were counted for as long nothing is called unused.
    rows("UPDATE tm_series SET first_seen = now()")
    assert not any(costs.usage().unused(row) for row in costs.costs())


def test_a_dropped_metric_is_counted_and_taken_in_again(writer, rows, monkeypatch):
    told = []
    monkeypatch.setattr(recorder, "count", lambda *args: told.append(args))
    drops.drop("noise", "ann", "nobody reads it")
    sent = Batch(samples=[*make.samples(make.series("noise"), [1.0, 2.0]),
                          *make.samples(make.series("kept"), [1.0])],
                 spans=[make.span()])  # fmt: skip
    (outcome,) = writer.write([sent])
    assert (outcome.accepted, outcome.rejected) == (2, 0)
    names = (
        "SELECT DISTINCT m.name FROM tm_sample p JOIN tm_series s ON s.id = p.series_id"
        " JOIN tm_metric m ON m.id = s.metric_id ORDER BY 1"
    )
    assert rows(names) == [("kept",)]
    attrs = {"metric.name": "noise", "reason": "drop_rule"}
    assert told == [("pharos.intake.dropped", 2, "{point}", attrs)]
    drops.take_in("noise")
    writer._drops._until = 0.0
    writer.write([sent])
    assert rows(names) == [("kept",), ("noise",)]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "droprule.create", "droprule.delete",
    ]  # fmt: skip


def test_what_cannot_be_dropped_is_told(store):
    for name in ("", "a\0", "x" * 601, "pharos.intake.dropped"):
        with pytest.raises(InvalidInputError):
            drops.drop(name, "ann")
    drops.drop("m", "ann")
    with pytest.raises(ConflictError):
        drops.drop("m", "ann")
    assert DropRule.objects.count() == 1
    with pytest.raises(NotFoundError):
        drops.take_in("other")


def exemplar(value, at_ns, trace=None, **over):
    trace_id = (trace or make.span()).trace_id.hex() if trace is not None else "ab" * 16
    return {
        "time_ns": at_ns, "value": value, "trace_id": trace_id, "span_id": "cd" * 8, "attrs": {},
        **over,
    }  # fmt: skip


def test_exemplars_resolve_and_the_largest_are_kept_and_pinned(writer, rows):
    slot = int(datetime.now(UTC).timestamp()) // 600 * 600 - 1200
    spans = [make.span(start_ns=(slot + n) * 10**9) for n in (10, 80, 150)]
    points = [
        make.histogram(TIMES, [float(value)], (slot + second) * 10**9)._replace(
            exemplars=[exemplar(value, (slot + second) * 10**9, span)]
        )
        for value, second, span in zip((2.0, 5.0, 3.0), (10, 80, 150), spans, strict=True)
    ]
    lost = make.histogram(TIMES, [9.0], (slot + 200) * 10**9)._replace(
        exemplars=[
            exemplar(9.0, (slot + 200) * 10**9),
            exemplar(1.0, (slot + 200) * 10**9, trace_id="none"),
            exemplar(None, (slot + 200) * 10**9, spans[0]),
        ]
    )
    writer.write([Batch(spans=spans, histograms=[points[0], points[2]])])
    rollups.roll_up()
    start = datetime.fromtimestamp(slot, UTC)
    assert rows("SELECT value, slot FROM tm_exemplar") == [(3.0, start)]
    assert pinning.pin_chosen() == 1
    # A larger one that comes late takes its place, and its trace is pinned too.
    writer.write([Batch(histograms=[points[1]])])
    rollups.roll_up()
    assert rows("SELECT value, pinned FROM tm_exemplar") == [(5.0, False)]
    assert pinning.pin_chosen() == 1
    assert pinning.pin_chosen() == 0
    pinned = {row[0].bytes for row in rows("SELECT trace_id FROM tm_pin WHERE until > now()")}
    assert pinned == {spans[1].trace_id, spans[2].trace_id}
    # Of those whose trace is not there nothing is shown.
    writer.write([Batch(histograms=[lost])])
    reads.forget()
    near = TimeRange(start, start + timedelta(minutes=10))
    shown = exemplars.read(SeriesQuery("h", "p95"), near)
    assert [(e.value, e.trace_id.bytes) for e in shown] == [
        (value, span.trace_id) for value, span in zip((2.0, 5.0, 3.0), spans, strict=True)
    ]
    far = TimeRange(start - timedelta(hours=7), start + timedelta(minutes=10))
    assert [e.value for e in exemplars.read(SeriesQuery("h", "p95"), far)] == [5.0]
    assert exemplars.read(SeriesQuery("none", "p95"), far) == []
    assert json.dumps([e.span_id for e in shown]) == json.dumps(["cd" * 8] * 3)
