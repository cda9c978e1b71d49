"""What is said of every component, and when nothing may be said."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.core.health import registry
from apps.monitoring.models import CollectorState, Probe
from apps.monitoring.queries.components import components

pytestmark = pytest.mark.django_db


def ran(kind, age_s=1.0, target="default", status="ok", **values):
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return CollectorState.objects.create(
        kind=kind, target=target, interval_s=10, status=status, last_run=at, since=at, **values
    )


def state(name, status, error=None, age_ms=100):
    from apps.core.health.watch import State

    return State(name, False, status, error, 1.0, None, age_ms)


def found():
    return {component.key: component for component in components()}


def test_before_the_first_look_everything_is_unknown(monkeypatch):
    # This process may have looked already, for another test.
    monkeypatch.setattr(registry, "read", lambda wait_s: [])
    states = found()
    # Services that other tests let send are no parts of the portal.
    own = [c for c in states.values() if not c.key.startswith("service:")]
    assert {c.status for c in own} == {"unknown"}
    assert {"web", "worker", "beat", "postgresql", "redis", "intake"} <= states.keys()
    assert all(c.error for c in own)


def test_fresh_collectors_make_their_targets_ok():
    ran("process", target="host", detail="beat,postgresql,redis,web,worker")
    ran("postgresql", detail="PostgreSQL 15.14")
    ran("redis")
    states = found()
    assert {states[k].status for k in ("web", "worker", "beat", "postgresql", "redis")} == {"ok"}
    assert states["postgresql"].detail == "PostgreSQL 15.14"
    assert states["postgresql"].age_s == pytest.approx(1, abs=5)


def test_old_knowledge_is_unknown_and_says_since_when():
    row = ran("redis", age_s=300)
    redis = found()["redis"]
    assert redis.status == "unknown"
    assert redis.since == row.last_run
    assert f"{row.last_run:%H:%M:%S}" in redis.error


def test_a_failed_look_is_unknown_with_its_error():
    ran("redis", status="unknown", error="ConnectionError: refused")
    redis = found()["redis"]
    assert (redis.status, redis.error) == ("unknown", "ConnectionError: refused")


def test_what_this_process_sees_to_be_down_is_down(watched):
    ran("redis")
    watched.append(state("cache", "down", "A value did not come back."))
    redis = found()["redis"]
    assert (redis.status, redis.error) == ("down", "A value did not come back.")


@pytest.mark.parametrize(
    ("ping", "worker", "beat"),
    [("ok", "ok", "down"), ("down", "down", "unknown"), ("unknown", "unknown", "unknown")],
)
def test_when_no_task_runs_the_one_that_does_not_answer_is_blamed(watched, ping, worker, beat):
    ran("redis", age_s=120)
    watched.append(state("celery", ping))
    states = found()
    assert (states["worker"].status, states["beat"].status) == (worker, beat)


def test_every_enabled_probe_is_a_component():
    for name in ("good", "bad", "new", "off"):
        Probe.objects.create(name=name, url="https://example.com/", enabled=name != "off")
    ran("httpcheck", target="good")
    ran("httpcheck", target="bad", status="down", error="It answered 500; 200 was expected.")
    states = found()
    assert states["probe:good"].status == "ok"
    assert states["probe:bad"].status == "down"
    assert "500" in states["probe:bad"].error
    assert states["probe:new"].status == "unknown"
    assert "probe:off" not in states


def test_services_are_ok_while_they_report_and_stale_after():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_series; DELETE FROM tm_resource")
        for name, minutes in (("shop", 1), ("quiet", 60), ("pharos", 1)):
            cursor.execute(
                "INSERT INTO tm_resource (hash, service, attrs, first_seen, last_seen) VALUES"
                " (gen_random_uuid(), %s, jsonb_build_object('service.name', %s::text),"
                " now(), now() - make_interval(mins => %s))",
                [name, name, minutes],
            )
    states = found()
    assert states["service:shop"].status == "ok"
    assert states["service:quiet"].status == "unknown"
    assert "No telemetry since" in states["service:quiet"].error
    assert "service:pharos" not in states


def test_the_answer_costs_three_queries(django_assert_num_queries):
    ran("redis")
    with django_assert_num_queries(3):
        components()
