"""Collectors side by side: claims, time, failure."""

import threading
import time

import pytest
from django.db import connections

from apps.monitoring.collectors import claims, running
from apps.monitoring.collectors.base import CollectError, Reading, TargetDownError
from apps.monitoring.models import CollectorState
from tests.monitoring.collectors.conftest import FIGURE

pytestmark = pytest.mark.django_db(transaction=True)


def one() -> Reading:
    reading = Reading(detail="fine")
    reading.add(FIGURE, 7)
    return reading


def state(kind):
    return CollectorState.objects.get(kind=kind)


def test_what_is_read_is_stored_and_its_state_is_ok(collect, make, values):
    assert collect(make("fine", one))["fine"].status == "ok"
    found = state("fine")
    assert (found.status, found.error, found.detail) == ("ok", "", "fine")
    assert found.last_ok is not None
    assert found.last_run is not None
    assert found.duration_ms is not None
    assert values("test.figure") == [7]
    assert len(values("pharos.collector.duration")) == 1
    assert values("pharos.collector.failures") == []


def test_one_that_reads_the_database_only_does_so_on_the_connection_of_its_task(
    collect, make, values
):
    seen = {}

    def where(name):
        seen[name] = threading.current_thread()
        return one()

    inner = make("inner", lambda: where("inner"))
    type(inner).inside = True
    done = collect(inner, make("outer", lambda: where("outer")))
    assert {done["inner"].status, done["outer"].status} == {"ok"}
    assert seen["inner"] is threading.current_thread() is not seen["outer"]
    assert len(values("test.figure")) == 2


def test_a_failing_collector_is_unknown_and_leaves_no_figure(collect, make, values):
    def fail():
        raise ConnectionRefusedError("connection to postgresql://u:geheim@db refused")

    collect(make("broken", fail), make("fine", one))
    found = state("broken")
    assert found.status == "unknown"
    assert "refused" in found.error
    assert "geheim" not in found.error
    assert found.last_ok is None
    assert values("test.figure") == [7]
    assert values("pharos.collector.failures") == [1]


def test_the_last_success_and_the_time_of_the_change_survive_a_failure(collect, make, due):
    answers = [None, OSError("away"), OSError("away")]

    def read():
        answer = answers.pop(0)
        if answer:
            raise answer
        return Reading(detail="v1")

    collector = make("moody", read)
    collect(collector)
    before = state("moody")
    due()
    collect(collector)
    failed = state("moody")
    assert failed.last_ok == before.last_ok
    assert failed.since > before.since
    assert failed.detail == "v1"
    due()
    collect(collector)
    assert state("moody").since == failed.since
    assert state("moody").last_run > failed.last_run


def test_a_hung_collector_neither_delays_others_nor_gathers_threads(
    collect, make, values, due, monkeypatch
):
    stored = []
    keep = claims.keep

    def watch(results):
        stored.append([r.collector.kind for r in results])
        keep(results)

    monkeypatch.setattr(running.claims, "keep", watch)
    hung = make("hung", make.hang, timeout_s=1.0)
    collect(hung, make("fine", one))
    # The figure was kept in a wave of its own, before the hung one's time was over.
    assert [kinds for kinds in stored if kinds] == [["fine"], ["hung"]]
    assert state("hung").status == "unknown"
    assert "No answer within 1 s." in state("hung").error
    for _ in range(3):
        due()
        assert collect(hung)["hung"].error.startswith("It has not come back")
    threads = [t for t in threading.enumerate() if t.name == "collect-hung"]
    assert len(threads) == 1


def test_a_hung_collector_is_read_again_once_it_came_back(collect, make, due):
    gate = threading.Event()

    def read():
        assert gate.wait(30)
        return Reading()

    slow = make("slow", read, timeout_s=0.1)
    assert collect(slow)["slow"].status == "unknown"
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "collect-slow":
            thread.join(10)
    due()
    assert collect(slow)["slow"].status == "ok"


def test_a_late_answer_is_not_stored(collect, make, values):
    gate = threading.Event()

    def late():
        gate.wait(30)
        return one()

    collect(make("late", late, timeout_s=0.1))
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "collect-late":
            thread.join(10)
    assert values("test.figure") == []


def test_ticks_at_the_same_moment_collect_once(store, make):
    runs = []

    def read():
        runs.append(1)
        return Reading()

    collectors = [make("single", read)]
    for _ in range(3):
        together = threading.Barrier(4)
        CollectorState.objects.update(due_at="2020-01-01T00:00Z")

        def tick(together=together):
            together.wait(10)
            try:
                running.collect(lambda: collectors)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=tick) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(runs) == 3


def test_a_second_tick_finds_nothing_due(collect, make):
    fine = make("fine", one)
    assert "fine" in collect(fine)
    assert collect(fine) == {}


def test_a_changed_interval_counts_at_once(collect, make):
    collect(make("fine", one, interval_s=3600.0))
    assert "fine" in collect(make("fine", one, interval_s=5.0))
    assert state("fine").interval_s == 5.0


def test_a_target_that_is_not_well_is_down_and_its_figures_are_kept(collect, make, values):
    def read():
        raise TargetDownError("It answered 500.", one().points)

    collect(make("down", read))
    assert state("down").status == "down"
    assert state("down").error == "It answered 500."
    assert values("test.figure") == [7]
    assert values("pharos.collector.failures") == []


def test_figures_that_could_not_be_stored_were_not_collected(collect, make, monkeypatch):
    from apps.monitoring.store.errors import StoreUnavailableError

    class Away:
        def ingest(self, batch):
            raise StoreUnavailableError

    monkeypatch.setattr(running, "committer", Away)
    collect(make("fine", one))
    assert state("fine").status == "unknown"
    assert "not stored" in state("fine").error


def test_an_exception_that_ends_threads_is_a_failure_like_any_other(collect, make):
    def leave():
        raise SystemExit(3)

    def empty():
        raise CollectError("")

    collect(make("leaving", leave), make("empty", empty))
    assert state("leaving").status == "unknown"
    assert state("empty").error == "CollectError"


def test_a_late_run_tells_how_late(collect, make, rows, values):
    fine = make("fine", one)
    collect(fine)
    rows("UPDATE monitoring_collectorstate SET due_at = now() - interval '30 seconds'")
    collect(fine)
    assert values("pharos.collector.lag")[-1] == pytest.approx(29, abs=5)


def test_the_task_survives_a_database_that_does_not_answer(db, monkeypatch, caplog):
    from django.db import OperationalError

    from apps.monitoring.tasks import collect as task

    def away(collectors):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(claims, "claim", away)
    task()
    assert "Nothing was collected" in caplog.text


def test_the_task_collects_every_kind_from_the_real_servers(store, rows):
    from apps.monitoring.tasks import collect as task

    task()
    states = dict(CollectorState.objects.values_list("kind", "status"))
    assert states.pop("celery_workers") == "ok"
    kinds = "host process postgresql postgresql_size redis celery delivery trouble"
    assert states == dict.fromkeys(kinds.split(), "ok")
    names = {name for (name,) in rows("SELECT name FROM tm_metric")}
    assert {
        "system.memory.utilization", "system.filesystem.utilization", "process.memory.usage",
        "postgresql.commits", "postgresql.connection.max", "postgresql.db_size",
        "redis.memory.used", "redis.keyspace.hits", "celery.queue.length", "celery.queue.age",
    } <= names  # fmt: skip
    before = time.monotonic()
    task()
    assert time.monotonic() - before < 60


def test_rows_of_hosts_that_are_no_more_are_dropped(collect, make):
    for kind, due_at in (("old", "2020-01-01T00:00Z"), ("young", "2999-01-01T00:00Z")):
        CollectorState.objects.create(kind=kind, target="x", interval_s=5, due_at=due_at)
    collect(make("fine", one))
    assert set(CollectorState.objects.values_list("kind", flat=True)) == {"young", "fine"}
