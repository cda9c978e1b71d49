"""PostgreSQL, Redis and Celery's queues: real servers, frozen, killed and refused."""

import contextlib
import signal
import subprocess
import time

import msgspec
import psycopg
import pytest
import redis as redis_client
from django.conf import settings
from django.db import connection

from apps.core.embedded import redis as embedded_redis
from apps.monitoring.collectors import celery, postgresql, redis
from apps.monitoring.collectors.celery import Queues
from apps.monitoring.collectors.postgresql import PostgreSQL, PostgreSQLSize
from apps.monitoring.collectors.redis import RedisServer
from apps.monitoring.models import CollectorState
from tests.servers import die_with_parent

pytestmark = pytest.mark.django_db(transaction=True)


def by_name(reading):
    found = {}
    for metric, value, attrs in reading.points:
        found.setdefault(metric.name, {})[tuple(attrs.values())] = value
    return found


@pytest.fixture
def private_redis(tmp_path):
    """A Redis of this test's own, and its address."""
    path, _ = embedded_redis.find()
    sock = tmp_path / "r.sock"
    process = subprocess.Popen(
        [path, "--port", "0", "--unixsocket", sock, "--save", "", "--dir", tmp_path],
        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent,
    )  # fmt: skip
    client = redis_client.Redis.from_url(f"unix://{sock}")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(redis_client.RedisError):
            client.ping()
            break
    client.close()
    yield process, f"unix://{sock}"
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def state(kind):
    return CollectorState.objects.get(kind=kind)


def test_a_frozen_redis_is_unknown_and_others_are_read(private_redis, collect, values, due):
    process, url = private_redis
    server = RedisServer(target="private", url=url, timeout_s=1.0)
    collect(server)
    assert state("redis").status == "ok"
    before = values("redis.memory.used")
    assert len(before) == 1
    process.send_signal(signal.SIGSTOP)
    due()
    collect(server, PostgreSQL(target="default"))
    frozen = state("redis")
    assert frozen.status == "unknown"
    assert frozen.error
    assert frozen.last_ok is not None
    assert state("postgresql").status == "ok"
    assert values("redis.memory.used") == before
    process.send_signal(signal.SIGCONT)
    due()
    collect(server)
    assert state("redis").status == "ok"


def test_a_killed_redis_is_unknown_and_leaves_no_figure(private_redis, collect, values):
    process, url = private_redis
    process.kill()
    process.wait()
    collect(RedisServer(target="private", url=url), Queues(target="private", url=url))
    for kind in ("redis", "celery"):
        assert state(kind).status == "unknown"
        assert "ConnectionError" in state(kind).error
    assert values("redis.memory.used") == values("celery.queue.length") == []


def test_redis_tells_what_happened(private_redis):
    _, url = private_redis
    with redis.client(url, 2) as client:
        client.set("a", 1)
        client.get("a")
        client.get("b")
    found = by_name(RedisServer(target="private", url=url).read())
    assert found["redis.keyspace.hits"][()] == 1
    assert found["redis.keyspace.misses"][()] == 1
    assert found["redis.db.keys"] == {("db0",): 1}


def test_valkey_and_old_versions_leave_out_what_they_do_not_tell():
    found = redis.figures({"valkey_version": "8.1.0", "redis_version": "7.2.4", "used_memory": 5})
    assert found.detail == "Valkey 8.1.0"
    assert [(p.metric.name, p.value) for p in found.points] == [("redis.memory.used", 5)]
    assert redis.figures({"used_memory": "many"}).points == []


def test_a_session_that_was_ended_is_opened_anew(collect, due):
    server = PostgreSQL(target="default")
    collect(server)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pharos-collector' AND datname = current_database()"
        )
    due()
    collect(server)
    assert state("postgresql").status == "unknown"
    due()
    collect(server)
    assert state("postgresql").status == "ok"


def test_a_frozen_session_times_out_and_others_are_read(store, collect, values, due):
    server = PostgreSQL(target="default", timeout_s=1.0)
    collect(server)
    before = len(values("postgresql.commits"))
    pid = postgresql._open[server.key].info.backend_pid
    # The session's own server process: the store's sessions go on.
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    try:
        due()
        collect(server, RedisServer(target="default", url=settings.CACHES["default"]["LOCATION"]))
        assert state("postgresql").status == "unknown"
        assert "No answer within 1 s." in state("postgresql").error
        assert state("redis").status == "ok"
        assert len(values("postgresql.commits")) == before
    finally:
        subprocess.run(["kill", "-CONT", str(pid)], check=True)


def test_a_wrong_address_is_unknown_and_its_password_is_not_shown(collect, tmp_path):
    conninfo = f"postgresql://u:geheim@/none?host={tmp_path}"
    collect(PostgreSQL(target="other", conninfo=conninfo))
    assert state("postgresql").status == "unknown"
    assert "geheim" not in state("postgresql").error
    assert "geheim" not in repr(PostgreSQL(target="other", conninfo=conninfo))


def test_postgresql_tells_of_an_open_transaction_and_a_waiting_lock(store):
    server = PostgreSQL(target="default")
    info = connection.get_connection_params()
    keys = {k: v for k, v in info.items() if k in ("dbname", "user", "host", "port")}
    with psycopg.connect(**keys) as other:
        other.execute("LOCK TABLE monitoring_probe IN ACCESS EXCLUSIVE MODE")
        found = by_name(server.read())
    assert found["postgresql.transaction.longest"][()] > 0
    assert found["postgresql.connection.count"][("idle in transaction",)] >= 1
    assert found["postgresql.database.locks"][("AccessExclusiveLock",)] >= 1
    database = connection.settings_dict["NAME"]
    assert found["postgresql.commits"][(database,)] > 0
    assert {("scheduled",), ("requested",)} == found["postgresql.bgwriter.checkpoint.count"].keys()
    sizes = by_name(PostgreSQLSize(target="default").read())
    assert sizes["postgresql.db_size"][(database,)] > 1 << 20


def test_a_newer_server_is_asked_where_it_keeps_checkpoints():
    asked = []

    class Cursor:
        class connection:  # noqa: N801
            class info:  # noqa: N801
                server_version = 170002

        def execute(self, statement):
            asked.append(statement)
            self.rows = {
                postgresql._SETTINGS: [(100, "17.2", True)],
                postgresql._CHECKPOINTS_17: [(4, 2)],
            }.get(statement, [])
            return self

        def fetchall(self):
            return self.rows

    found = by_name(PostgreSQL(target="new").query(Cursor()))
    assert found["postgresql.bgwriter.checkpoint.count"] == {("scheduled",): 4, ("requested",): 2}
    # A standby has no replicas to tell of and cannot say where its log ends.
    assert postgresql._REPLICAS not in asked


def test_a_queue_tells_its_length_and_the_age_of_its_oldest_message(private_redis):
    _, url = private_redis
    now = time.time()
    with redis.client(url, 2) as client:
        for age_s in (90, 5):
            message = {"body": "", "headers": {"pharos_published_s": now - age_s, "task": "t"}}
            client.lpush("high", msgspec.json.encode(message))
        client.lpush("high\x06\x163", b"{}")
        client.lpush("low", b"not json")
    found = by_name(Queues(target="private", url=url).read())
    assert found["celery.queue.length"] == {("high",): 3, ("default",): 0, ("low",): 1}
    ages = found["celery.queue.age"]
    assert ages[("high",)] == pytest.approx(90, abs=30)
    assert ages[("default",)] == 0
    # Its message does not say when it was sent: unknown, not zero.
    assert ("low",) not in ages


def test_a_message_sent_by_celery_says_when_it_was_sent(private_redis, settings):
    from celery import current_app
    from kombu import Connection

    _, url = private_redis
    broker = url.replace("unix://", "redis+socket://")
    before = time.time()
    with Connection(broker) as kombu:
        producer = kombu.Producer()
        current_app.send_task("none", queue="low", producer=producer)
    with redis.client(url, 2) as client:
        sent = celery.published_s(client.lindex("low", -1))
    assert sent == pytest.approx(before, abs=30)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"headers": null}', b'{"headers": {}}', b"\xff"])
def test_a_message_of_another_make_has_no_age(raw):
    assert celery.published_s(raw) is None
