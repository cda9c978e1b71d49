"""Acknowledged means committed: processes and connections die, nothing acknowledged is lost."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from apps.core.embedded import postgresql
from apps.core.embedded.home import Home
from apps.monitoring.intake.commit import GroupCommitter, StoreUnavailableError
from apps.monitoring.store.rows import Batch
from tests.monitoring.store import make

ROOT = Path(__file__).resolve().parents[3]


def sender(name, rounds, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.monitoring.store.sender", name, str(rounds)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", **environment},
    )  # fmt: skip


def acknowledged(process):
    """Every line the sender managed to print whole."""
    return {line.strip() for line in process.stdout if line.endswith("\n")} - {"ready"}


def test_a_connection_killed_at_any_moment_loses_and_doubles_nothing(store, rows):
    committer = GroupCommitter()
    acked, unsure = [], []
    stop = threading.Event()

    def send():
        while not stop.is_set() and len(acked) < 3000:
            batch = make.batch(logs=[make.log() for _ in range(5)])
            try:
                while committer.submit(batch).exception(10) is not None:
                    unsure.append(batch.key)
            except StoreUnavailableError:
                continue
            acked.append(batch.key)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    cuts, deadline = 0, time.monotonic() + 90
    while (cuts < 25 or not unsure) and time.monotonic() < deadline:
        cuts += 1
        before = len(acked)
        rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pharos-intake' AND datname = current_database()"
        )
        # Time to connect anew, however long that takes here.
        while len(acked) == before and time.monotonic() < deadline:
            stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert committer.close(10)
    assert acked
    assert unsure
    assert rows("SELECT count(*) FROM tm_log") == [(5 * len(acked),)]
    stored = {row[0] for row in rows("SELECT hash FROM tm_ingest")}
    assert set(acked) == stored


def test_a_store_that_is_away_fails_futures_and_comes_back_by_itself(store, rows):
    committer = GroupCommitter()
    assert committer.ingest(Batch(logs=[make.log()])).accepted == 1
    parameters = connection.settings_dict
    host = parameters["HOST"]
    parameters["HOST"] = "/nonexistent"
    try:
        rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pharos-intake' AND datname = current_database()"
        )
        for _ in range(2):
            with pytest.raises(StoreUnavailableError) as refused:
                committer.ingest(Batch(logs=[make.log()]))
        assert refused.value.retry_after_s >= 1
    finally:
        parameters["HOST"] = host
    deadline = time.monotonic() + 60
    while True:
        try:
            committer.ingest(Batch(logs=[make.log()]))
            break
        except StoreUnavailableError:
            assert time.monotonic() < deadline
    assert committer.close(10)
    assert committer.stats().failures >= 3


def test_a_statement_that_hangs_is_cut_off_and_not_acknowledged(store, rows, monkeypatch):
    from apps.monitoring.store import connect, writer

    monkeypatch.setattr(writer, "STATEMENT_TIMEOUT_S", 0.3)
    committer = GroupCommitter()
    batch = make.batch(logs=[make.log()])
    with connect.open_connection("holder", 30) as holder:
        holder.execute("INSERT INTO tm_ingest (hash) VALUES (%s)", [batch.key])
        with pytest.raises(StoreUnavailableError):
            committer.ingest(batch)
        holder.rollback()
    assert not committer.ingest(batch).duplicate
    assert committer.close(10)
    assert rows("SELECT count(*) FROM tm_log") == [(1,)]


def test_a_fork_has_a_connection_of_its_own_and_leaving_commits_what_is_queued(store, rows):
    url = f"postgresql://postgres@/{connection.settings_dict['NAME']}?host={Home.current().run_dir}"
    subprocess.run(
        [sys.executable, "-m", "tests.monitoring.store.forker"], cwd=ROOT, check=True, timeout=60,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": url},
    )  # fmt: skip
    assert dict(rows("SELECT body, count(*) FROM tm_log WHERE severity = 9 GROUP BY body")) == {
        "before": 1, "parent": 3, "child": 3, "parent queued": 1, "child queued": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_a_sender_killed_with_sigkill_had_committed_all_it_acknowledged(store, rows):
    url = f"postgresql://postgres@/{connection.settings_dict['NAME']}?host={Home.current().run_dir}"
    process = sender("doomed", 100_000, DATABASE_URL=url)
    assert process.stdout.readline() == "ready\n"
    seen = [process.stdout.readline().strip() for _ in range(50)]
    process.kill()
    acked = set(seen) | acknowledged(process)
    process.wait(10)
    process.stdout.close()
    counts = dict(rows("SELECT body, count(*) FROM tm_log GROUP BY body"))
    assert acked <= counts.keys()
    assert set(counts.values()) == {3}


def admin(home):
    return f"host={home.run_dir} user=postgres dbname=postgres"


@contextlib.contextmanager
def own_server(home):
    """A PostgreSQL of this test's own; yields a function that kills it hard and starts it anew."""
    home.make()
    postgresql.prepare(home)
    log = (home.root / "server.log").open("wb")
    running = []

    def spawn():
        return subprocess.Popen(
            postgresql.command(home), stdout=log, stderr=log, start_new_session=True
        )

    def start():
        running.append(spawn())
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                return psycopg.connect(admin(home)).close()
            assert time.monotonic() < deadline
            if running[-1].poll() is not None:
                # Backends of the killed server still hold its shared memory for a moment.
                running[-1] = spawn()
            time.sleep(0.05)

    def crash():
        os.killpg(running[-1].pid, signal.SIGKILL)
        running[-1].wait(20)
        (home.postgresql_dir / "postmaster.pid").unlink(missing_ok=True)
        start()

    start()
    try:
        yield crash
    finally:
        running[-1].send_signal(signal.SIGINT)
        try:
            running[-1].wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running[-1].pid, signal.SIGKILL)
            running[-1].wait(10)
        log.close()


@pytest.mark.slow
def test_postgresql_killed_with_sigkill_keeps_all_that_was_acknowledged(tmp_path):
    home = Home(tmp_path / "home")
    with own_server(home) as crash:
        with psycopg.connect(admin(home), autocommit=True) as raw:
            raw.execute("CREATE DATABASE pharos")
        environment = {
            "DATABASE_URL": home.database_url, "DJANGO_SETTINGS_MODULE": "portal.settings",
        }  # fmt: skip
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "monitoring", "-v", "0"], cwd=ROOT, check=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        process = sender("s", 60, **environment)
        assert process.stdout.readline() == "ready\n"
        seen = {process.stdout.readline().strip() for _ in range(40)}
        crash()
        seen |= acknowledged(process)
        assert process.wait(60) == 0
        process.stdout.close()
        with psycopg.connect(f"host={home.run_dir} user=postgres dbname=pharos") as raw:
            counts = dict(raw.execute("SELECT body, count(*) FROM tm_log GROUP BY body"))
    assert seen == counts.keys()
    assert len(seen) == 300
    assert set(counts.values()) == {3}
