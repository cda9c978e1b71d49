"""The buffer: bounded, never in the way, and exact about what it lost."""

import os
import threading
from concurrent.futures import Future

import pytest

from apps.monitoring import recorder as api
from apps.monitoring.intake.commit import StoreBusyError, StoreUnavailableError
from apps.monitoring.recorder import events, shipping
from apps.monitoring.recorder.buffer import Recorder
from apps.monitoring.store.rows import Outcome


class Taken:
    """A flusher that keeps what it is given."""

    def __init__(self):
        self.events, self.dropped = [], {}

    def take(self, event):
        if event == ("bad",):
            raise ValueError("bad event")
        self.events.append(event)

    def ship(self, dropped, *, final):
        for reason, count in dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def settle(self, timeout_s):
        return True


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def small(taken):
    made = Recorder(lambda: taken, limit=100)
    yield made
    made.rest()


def test_what_finds_no_room_is_dropped_and_counted(small, taken):
    with small._work:
        for number in range(250):
            small.add((number,))
    small.flush()
    assert len(taken.events) == 100
    small.flush()
    assert taken.dropped == {"buffer_full": 150}


def test_every_event_of_many_threads_is_kept_or_counted(small, taken):
    def add():
        for number in range(5_000):
            small.add((number,))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    small.flush()
    small.flush()
    assert len(taken.events) + taken.dropped.get("buffer_full", 0) == 20_000


def test_one_bad_event_costs_no_other(small, taken):
    for event in (("good",), ("bad",), ("good",)):
        small.add(event)
    small.flush()
    small.flush()
    assert taken.events == [("good",), ("good",)]
    assert taken.dropped == {"error": 1}


def test_adding_never_waits_for_a_flusher_that_hangs(small):
    with small._work:
        small.add(("event",))
        assert not small.flush(timeout_s=0.01)
        small.add(("event",))


def test_a_flusher_that_cannot_be_made_breaks_nothing(caplog):
    def broken():
        raise RuntimeError("no store")

    made = Recorder(broken)
    made.add(("event",))
    made.flush()
    made.flush()
    assert caplog.text.count("could not turn events into rows") == 1
    made.rest()


def test_a_forked_child_begins_empty_with_a_thread_of_its_own(small, taken):
    small.add(("parent",))
    os.register_at_fork(after_in_child=small.reset)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before = len(small._events)
            small.add(("child",))
            alive = small._thread.is_alive()
            small.flush()
            os.write(writer, f"{before} {alive} {taken.events[-1][0]}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"0 True child"
    small.flush()
    assert taken.events == [("parent",)]
    os.close(reader)
    os.close(writer)


class Store:
    """A committer that is busy, away or there, as told."""

    def __init__(self):
        self.stored, self.busy, self.away = [], False, False

    def submit(self, batch):
        if self.busy:
            raise StoreBusyError(retry_after_s=0.0)
        future = Future()
        if self.away:
            future.set_exception(StoreUnavailableError(retry_after_s=0.0))
        else:
            self.stored.append(batch)
            future.set_result(Outcome(len(batch)))
        return future

    def stats(self):
        from apps.monitoring.intake.commit import CommitStats

        return CommitStats()


@pytest.fixture
def away(monkeypatch):
    store = Store()
    monkeypatch.setattr(shipping, "committer", lambda: store)
    return store


@pytest.fixture
def shipper(away):
    made = Recorder(lambda: shipping.Shipper(made))
    yield made
    made.rest()


def log(number):
    return (events.LOG, 1, 20, f"line {number}", {}, None, None)


@pytest.mark.parametrize("trouble", ["busy", "away"])
def test_rows_wait_while_the_store_is_in_trouble_and_come_in_order(shipper, away, trouble):
    setattr(away, trouble, True)
    for number in range(3):
        shipper.add(log(number))
        assert not shipper.flush()
    setattr(away, trouble, False)
    assert shipper.flush()
    bodies = [record.body for batch in away.stored for record in batch.logs]
    assert bodies == ["line 0", "line 1", "line 2"]


def test_a_batch_sent_again_keeps_its_key(shipper, away):
    away.away = True
    shipper.add(log(1))
    shipper.flush()
    keys = [batch.key for batch in shipper._flusher._backlog if batch.logs]
    away.away = False
    shipper.flush()
    assert [batch.key for batch in away.stored if batch.logs] == keys != [None]


def test_the_backlog_is_bounded_and_says_what_it_lost(shipper, away, monkeypatch):
    monkeypatch.setattr(shipping, "BACKLOG_ROWS", 25)
    monkeypatch.setattr(shipping, "BATCH_ROWS", 10)
    away.busy = True
    for number in range(60):
        shipper.add(log(number))
    shipper.flush()
    away.busy = False
    shipper.flush()
    kept = [record.body for batch in away.stored for record in batch.logs]
    assert kept[-1] == "line 59"
    samples = {
        sample.series.attrs.get("pharos.drop.reason"): sample.value
        for batch in away.stored
        for sample in batch.samples
        if sample.series.metric.name == "pharos.recorder.dropped"
    }
    assert len(kept) < 30
    assert len(kept) + samples["store_unavailable"] >= 60


@pytest.mark.django_db(transaction=True)
def test_figures_of_any_kind_reach_the_store(recorder, rows, attributes):
    for value in (0.001, 0.1, 0.1, 4.0):
        api.observe("test.duration", value, {"kind": "a"})
    api.count("test.orders", 2, "{order}", {"shop": "x"})
    api.count("test.orders", 3, "{order}", {"shop": "x"})
    api.gauge("test.level", 5.0, "1")
    api.gauge("test.level", 7.0, "1")
    api.observe("test.duration", float("nan"))
    api.count("test.orders", 1, attrs={"not": ["hashable"]})
    assert recorder.flush()
    assert attributes("test.duration") == {(("kind", "a"),): 4}
    assert attributes("test.orders") == {(("shop", "x"),): 5}
    assert attributes("test.level") == {(): 7}
    ((scale, total, low, high, offset, buckets),) = rows(
        "SELECT scale, sum, min, max, pos_off, pos FROM tm_hist h JOIN tm_series s"
        " ON s.id = h.series_id JOIN tm_metric m ON m.id = s.metric_id"
        " WHERE m.name = 'test.duration'"
    )
    assert (scale, low, high, sum(buckets)) == (5, 0.001, 4.0, 4)
    assert total == pytest.approx(4.201)
    for value in (0.001, 0.1, 4.0):
        index = next(
            i
            for i in range(len(buckets))
            if 2 ** ((offset + i) / 32) < value <= 2 ** ((offset + i + 1) / 32) * (1 + 1e-12)
        )
        assert buckets[index] == (2 if value == 0.1 else 1)
    recorder.flush()
    assert attributes("pharos.recorder.dropped") == {(("pharos.drop.reason", "error"),): 2}


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_attribute_sets_ends_in_one_series(recorder, attributes, monkeypatch):
    from apps.monitoring.recorder import points

    monkeypatch.setattr(points, "_MOST_SERIES", 5)
    for number in range(50):
        api.count("test.flood", attrs={"user": number})
    recorder.flush()
    found = attributes("test.flood")
    assert len(found) == 6
    assert found[(("otel.metric.overflow", True),)] == 45


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_below_suppressed(recorder, rows):
    from django.contrib.auth.models import User

    with api.suppressed():
        User.objects.count()
    recorder.flush()
    assert rows("SELECT count(*) FROM tm_metric WHERE name LIKE 'db.%'") == [(0,)]


@pytest.mark.django_db(transaction=True)
def test_storing_what_is_recorded_records_nothing(recorder, rows):
    api.count("test.once")
    for _ in range(3):
        recorder.flush()
    names = {name for (name,) in rows("SELECT name FROM tm_metric")}
    assert not any(name.startswith(("db.", "http.", "cache.")) for name in names)
    assert rows("SELECT count(*) FROM tm_log") == [(0,)]
