"""The committer: counts in = counts out, retries stored once, bad rows alone."""

import math
import threading
from concurrent.futures import wait

import pytest

from apps.monitoring.intake.commit import GroupCommitter, StoreBusyError
from apps.monitoring.store.rows import Batch, Kind, Metric, Series, Temporality
from tests.monitoring.store import make


@pytest.fixture
def committer(store):
    made = GroupCommitter()
    yield made
    assert made.close(10)


def counts(rows):
    return {
        table: rows(f"SELECT count(*) FROM {table}")[0][0]
        for table in ("tm_span", "tm_log", "tm_sample", "tm_hist")
    }


def test_every_kind_of_row_arrives_as_sent(committer, rows):
    series = make.series("http.duration", Kind.HISTOGRAM, Temporality.DELTA, route="/")
    gauge = make.series("cpu", host="a")
    span = make.span(parent_id=b"\x01" * 8, events=[{"name": "e"}], links=[{"l": 1}])
    outcome = committer.ingest(
        make.batch(
            spans=[span],
            logs=[make.log("häl\x00lo", trace_id=span.trace_id, span_id=span.span_id)],
            samples=make.samples(gauge, [1.5, 2.5]),
            histograms=[make.histogram(series, [0.1, 0.2, 4.0])],
        )
    )
    assert (outcome.accepted, outcome.rejected, outcome.duplicate) == (5, 0, False)
    assert counts(rows) == {"tm_span": 1, "tm_log": 1, "tm_sample": 2, "tm_hist": 1}
    trace, span_id, parent, name, duration, attrs = rows(
        "SELECT trace_id, span_id, parent_id, n.value, dur_us, attrs::text FROM tm_span s"
        " JOIN tm_name n ON n.id = s.name_id"
    )[0]
    assert trace.bytes == span.trace_id
    assert span_id == int.from_bytes(span.span_id, "big", signed=True)
    assert parent == int.from_bytes(b"\x01" * 8, "big")
    assert (name, duration, attrs) == ("GET /", 5000, '{"http.route": "/"}')
    assert rows("SELECT body FROM tm_log") == [("häl\ufffdlo",)]
    assert rows("SELECT value FROM tm_sample ORDER BY ts") == [(1.5,), (2.5,)]
    n, total, low, high, scale, pos = rows("SELECT n, sum, min, max, scale, pos FROM tm_hist")[0]
    assert (n, low, high, scale) == (3, 0.1, 4.0, 5)
    assert total == pytest.approx(4.3)
    assert sum(pos) == 3
    assert {row[0] for row in rows("SELECT kind FROM tm_dirty")} == {1, 2, 5}


def test_times_survive_to_the_microsecond(committer, rows):
    start = 1_000 * (make.now_ns() // 1_000) - 10**9
    committer.ingest(Batch(samples=[make.samples(make.series(), [1], start_ns=start)[0]]))
    assert rows("SELECT (extract(epoch FROM ts) * 1000000)::int8 FROM tm_sample") == [
        (start // 1000,)
    ]


def test_a_retry_with_the_same_bytes_is_stored_once(committer, rows):
    batch = make.batch(spans=[make.span()])
    assert not committer.ingest(batch).duplicate
    again = committer.ingest(batch)
    assert again.duplicate
    assert again.accepted == 1
    assert counts(rows)["tm_span"] == 1


def test_the_same_bytes_twice_within_one_group_are_stored_once(committer, rows):
    batch = make.batch(spans=[make.span()])
    twin = Batch(spans=list(batch.spans), key=batch.key)
    futures = [committer.submit(batch), committer.submit(twin)]
    wait(futures, 10)
    assert sorted(f.result(0).duplicate for f in futures) == [False, True]
    assert counts(rows)["tm_span"] == 1


def test_the_same_bytes_from_two_committers_at_once_are_stored_once(store, rows):
    pair = [GroupCommitter(), GroupCommitter()]
    batches = [make.batch(spans=[make.span() for _ in range(50)]) for _ in range(20)]
    outcomes = []

    def send(committer):
        futures = [
            committer.submit(Batch(spans=list(b.spans), key=b.key, size_bytes=1 << 20))
            for b in batches
        ]
        outcomes.extend(f.result(20) for f in futures)

    threads = [threading.Thread(target=send, args=(c,)) for c in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for committer in pair:
        assert committer.close(10)
    assert counts(rows)["tm_span"] == 1000
    assert sum(outcome.duplicate for outcome in outcomes) == 20


def test_batches_without_a_key_are_never_taken_for_retries(committer, rows):
    for _ in range(2):
        committer.ingest(Batch(spans=[make.span(span_id=b"12345678")]))
    assert counts(rows)["tm_span"] == 2


BAD_SPANS = {
    "zero trace id": {"trace_id": bytes(16)},
    "short trace id": {"trace_id": b"abc"},
    "zero span id": {"span_id": bytes(8)},
    "too old": {"start_ns": 1, "end_ns": 2},
    "in the future": {"start_ns": 2**62, "end_ns": 2**62 + 1},
    "ends before it starts": {"end_ns": 5},
    "attributes that are no JSON": {"attrs": object()},
}


@pytest.mark.parametrize("fault", BAD_SPANS.values(), ids=BAD_SPANS.keys())
def test_a_row_that_makes_no_sense_is_rejected_and_its_neighbours_kept(committer, rows, fault):
    batch = make.batch(spans=[make.span(), make.span(**fault), make.span()])
    outcome = committer.ingest(batch)
    assert outcome.accepted + outcome.rejected == 3
    if "attrs" not in fault:
        assert outcome.rejected == 1
        assert outcome.message
    assert counts(rows)["tm_span"] == outcome.accepted


HOSTILE = [
    {"a\x00b": "x\x00y"},
    {"s": "lone \ud800 surrogate", "\udfff": 1},
    {"nan": math.nan, "inf": [math.inf, -math.inf]},
    {"big": 2**70, "small": -(2**80), "u64": 2**64 - 1},
    {"bytes": b"\xff\x00", "set": {1}},
    {"\\u0000": "a literal backslash: \\u0000"},
    {"k": "v" * 300_000},
]


@pytest.mark.parametrize("attrs", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_attributes_are_cleaned_not_refused(committer, rows, attrs):
    batch = make.batch(
        spans=[make.span(attrs=attrs, name="n\x00\ud800")],
        logs=[make.log("\ud800\x00", attrs=attrs)],
        samples=make.samples(make.series("m", x=attrs), [1]),
    )
    outcome = committer.ingest(batch)
    assert (outcome.accepted, outcome.rejected) == (3, 0)
    assert rows("SELECT value FROM tm_name") == [("n\ufffd\ufffd",)]


def test_deeply_nested_attributes_are_kept_to_a_depth(committer, rows):
    deep = {}
    for _ in range(2000):
        deep = {"d": deep}
    outcome = committer.ingest(make.batch(logs=[make.log(attrs={"deep": deep})]))
    assert outcome.accepted == 1


def test_a_value_that_is_no_number_is_kept_as_null(committer, rows):
    points = make.samples(make.series(), [1.0, math.nan, math.inf])
    assert committer.ingest(Batch(samples=points)).accepted == 3
    assert rows("SELECT value FROM tm_sample ORDER BY ts") == [(1.0,), (None,), (None,)]


def test_a_number_no_column_holds_is_rejected_alone(committer, rows):
    series = make.series()
    good = make.samples(series, [1, 2])
    bad = [good[0]._replace(time_ns=2**70), good[0]._replace(value="x")]
    outcome = committer.ingest(Batch(samples=[good[0], *bad, good[1]]))
    assert (outcome.accepted, outcome.rejected) == (2, 2)
    assert counts(rows)["tm_sample"] == 2


def test_a_row_only_postgresql_refuses_is_found_by_halving(committer, rows, monkeypatch):
    from apps.monitoring.store import encode

    def broken_json(value):
        return b'{"broken": ' if value == "poison" else clean(value)

    clean = encode.json_bytes
    monkeypatch.setattr(encode, "json_bytes", broken_json)
    poison = [make.log(attrs="poison") for _ in range(2)]
    logs = [make.log() for _ in range(30)]
    bad = make.batch(logs=[*logs[:7], poison[0], *logs[7:], poison[1]], spans=[make.span()])
    neighbours = [make.batch(logs=[make.log()]) for _ in range(3)]
    futures = [committer.submit(b) for b in (neighbours[0], bad, *neighbours[1:])]
    outcomes = [f.result(10) for f in futures]
    assert [(o.accepted, o.rejected) for o in outcomes] == [(1, 0), (31, 2), (1, 0), (1, 0)]
    assert "json" in outcomes[1].message
    assert counts(rows) == {"tm_span": 1, "tm_log": 33, "tm_sample": 0, "tm_hist": 0}
    assert committer.ingest(Batch(logs=bad.logs, key=bad.key)).duplicate


def test_bad_histograms_are_rejected_with_a_reason(committer, rows):
    series = make.series("h", Kind.HISTOGRAM, Temporality.DELTA)
    good = make.histogram(series, [1.0])
    bad = [
        good._replace(scale=None, bounds=(2.0, 1.0), positive=[1, 0, 0]),
        good._replace(scale=None, bounds=(1.0,), positive=[1]),
        good._replace(scale=21),
        good._replace(count=2**64),
        good._replace(positive=[-1]),
        good._replace(positive=[1] * 5000),
        good._replace(offset=2**31),
    ]
    outcome = committer.ingest(make.batch(histograms=[good, *bad]))
    assert (outcome.accepted, outcome.rejected) == (1, 7)
    assert outcome.message
    assert counts(rows)["tm_hist"] == 1


def test_sets_of_attributes_beyond_the_limit_share_one_series(committer, rows, monkeypatch):
    from apps.monitoring.store import resolve

    monkeypatch.setattr(resolve, "SETS_PER_METRIC", 10)
    points = [make.samples(make.series("m", Kind.SUM, Temporality.DELTA, n=i), [1])[0]
              for i in range(50)]  # fmt: skip
    for part in (points[:5], points[5:25], points[25:], points):
        assert committer.ingest(Batch(samples=part)).rejected == 0
    assert rows("SELECT count(*) FROM tm_series")[0][0] == 11
    assert rows(
        "SELECT count(*), sum(value) FROM tm_sample p JOIN tm_series s ON s.id = p.series_id"
        " WHERE s.attrs = '{\"otel.metric.overflow\": true}'"
    ) == [(80, 80.0)]
    assert rows("SELECT sum(value) FROM tm_sample") == [(100.0,)]


def test_cumulative_series_beyond_the_limit_are_summed(committer, rows, monkeypatch):
    from apps.monitoring.store import resolve

    monkeypatch.setattr(resolve, "SETS_PER_METRIC", 0)
    at = make.now_ns()
    many = [make.series("c", Kind.SUM, Temporality.CUMULATIVE, n=i) for i in range(3)]
    for step in range(2):
        committer.ingest(
            Batch(samples=[make.samples(s, [10.0 * step + i], at + step * 10**9)[0]
                           for i, s in enumerate(many)])
        )  # fmt: skip
    assert rows("SELECT value FROM tm_sample ORDER BY ts") == [(3.0,), (33.0,)]


def test_series_are_made_once_by_concurrent_committers(store, rows):
    pair = [GroupCommitter() for _ in range(3)]
    names = [f"metric.{i}" for i in range(60)]

    def send(committer, order):
        for name in order:
            committer.submit(
                make.batch(
                    samples=make.samples(make.series(name, k=name), [1]),
                    spans=[make.span(name)],
                    size_bytes=1 << 20,
                )
            ).result(20)

    threads = [
        threading.Thread(target=send, args=(pair[0], names)),
        threading.Thread(target=send, args=(pair[1], names[::-1])),
        threading.Thread(target=send, args=(pair[2], names[30:] + names[:30])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(committer.close(10) for committer in pair)
    assert rows("SELECT count(*) FROM tm_series")[0][0] == 60
    assert rows("SELECT count(*) FROM tm_metric")[0][0] == 60
    assert rows("SELECT count(*) FROM tm_name")[0][0] == 60
    assert rows("SELECT count(*) FROM tm_resource")[0][0] == 1
    assert counts(rows)["tm_sample"] == 180


def test_a_full_queue_refuses_at_once(store):
    committer = GroupCommitter(queue_rows=10)
    blocker = committer._changed
    with blocker:
        committer.submit(Batch(spans=[make.span() for _ in range(9)]))
        with pytest.raises(StoreBusyError) as refused:
            committer.submit(Batch(spans=[make.span() for _ in range(9)]))
    assert refused.value.retry_after_s >= 1
    assert committer.close(10)
    assert committer.stats().refused_busy == 1


def test_closing_commits_what_is_queued_and_a_later_batch_starts_anew(store, rows):
    committer = GroupCommitter()
    future = committer.submit(Batch(spans=[make.span()]))
    assert committer.close(10)
    assert future.done()
    assert committer.ingest(Batch(spans=[make.span()])).accepted == 1
    assert committer.close(10)
    assert counts(rows)["tm_span"] == 2


def test_a_metric_of_the_same_name_with_another_unit_is_another_metric(committer, rows):
    one = Series(Metric("m", "s", Kind.GAUGE), make.RESOURCE, {})
    two = Series(Metric("m", "ms", Kind.GAUGE), make.RESOURCE, {})
    committer.ingest(Batch(samples=make.samples(one, [1]) + make.samples(two, [2])))
    assert rows("SELECT unit FROM tm_metric ORDER BY unit") == [("ms",), ("s",)]


def test_counters_add_up(committer):
    batch = make.batch(spans=[make.span(), make.span(span_id=b"")])
    committer.ingest(batch)
    committer.ingest(batch)
    stats = committer.stats()
    assert (stats.rows, stats.rejected, stats.duplicates, stats.commits) == (1, 1, 1, 2)
    assert (stats.queue_rows, stats.queue_bytes) == (0, 0)
    assert stats.last_commit_s > 0
