"""Partitions: made ahead, made once, dropped when due."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.monitoring import checks
from apps.monitoring.store import partitions, retention

pytestmark = pytest.mark.usefixtures("store")


def rows(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def forget(name):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture(autouse=True)
def _mended(store):
    yield
    partitions.ensure()


def test_migrating_makes_every_partition_that_is_due():
    assert partitions.missing(datetime.now(UTC)) == {}


def test_ensure_is_idempotent():
    later = datetime.now(UTC) + timedelta(days=10)
    made = partitions.ensure(later)
    assert made
    assert partitions.ensure(later) == []
    for name in made:
        forget(name)


def test_concurrent_runs_make_each_partition_once():
    later = datetime.now(UTC) + timedelta(days=40)
    results, errors = [], []
    barrier = threading.Barrier(4)

    def run():
        try:
            barrier.wait(10)
            results.append(partitions.ensure(later))
        except Exception as error:  # noqa: BLE001 (told to the test)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    made = [name for result in results for name in result]
    assert made
    assert len(made) == len(set(made))
    assert partitions.missing(later) == {}
    for name in made:
        forget(name)


def test_partitions_reach_back_two_days_and_48_hours_ahead():
    now = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
    day = next(t for t in partitions.TABLES if t.table == "tm_span")
    assert partitions.due(day, now)[0] == datetime(2026, 2, 26, tzinfo=UTC)
    assert partitions.due(day, now)[-1] == datetime(2026, 3, 2, tzinfo=UTC)
    month = next(t for t in partitions.TABLES if t.step == "month")
    assert [s.month for s in partitions.due(month, now)] == [2, 3]


def test_expired_partitions_are_dropped_and_others_stay():
    old = datetime.now(UTC) - timedelta(days=100)
    made = [n for n in partitions.ensure(old) if n.startswith("tm_hist_p")]
    before = partitions.existing()["tm_hist"]
    report = partitions.drop_expired()
    assert set(made) <= set(report.dropped)
    assert partitions.existing()["tm_hist"] == before - set(made)
    assert rows("SELECT to_regclass(%s)", made[0]) == [(None,)]


def test_a_partition_whose_rows_are_not_rolled_up_stays():
    old = datetime.now(UTC) - timedelta(days=100)
    partitions.ensure(old)
    name = f"tm_sample_p{old:%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tm_dirty VALUES (1, %s)", [old])
    table = next(one for one in partitions.TABLES if one.table == "tm_sample")
    ended = table.after(table.floor(old)) + table.keep()
    almost = ended + partitions.PATIENCE - timedelta(seconds=1)
    assert name in partitions.drop_expired(almost).left
    # Whoever should have read them is stuck: a full disk would lose more.
    assert name in partitions.drop_expired(ended + partitions.PATIENCE).dropped
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_dirty")
    partitions.drop_expired()


def test_a_detach_that_was_interrupted_is_finished_by_the_next_run():
    old = datetime.now(UTC) - timedelta(days=100)
    partitions.ensure(old)
    name = f"tm_hist_p{old:%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE tm_hist DETACH PARTITION {name}")
    assert name in partitions.drop_expired().dropped
    assert rows("SELECT to_regclass(%s)", name) == [(None,)]


def test_a_locked_partition_is_left_with_its_reason():
    old = datetime.now(UTC) - timedelta(days=100)
    partitions.ensure(old)
    name = f"tm_hist_p{old:%Y%m%d}"
    from apps.monitoring.store import connect

    with connect.open_connection("holder", 30) as holder:
        holder.execute(f"LOCK TABLE {name} IN ACCESS SHARE MODE")
        report = partitions.drop_expired()
    assert name in report.left
    assert name in partitions.drop_expired().dropped


def test_the_check_warns_when_a_partition_is_missing():
    assert checks.partitions_are_ahead(databases=["default"]) == []
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    forget(f"tm_log_p{tomorrow:%Y%m%d}")
    (warning,) = checks.partitions_are_ahead(databases=["default"])
    assert warning.id == "monitoring.W001"
    assert warning.hint


def test_request_identities_older_than_the_retry_window_are_pruned():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tm_ingest (hash, at) VALUES (gen_random_uuid(), now() - interval '7 h'),"
            " (gen_random_uuid(), now())"
        )
    assert retention.maintain().identities == 1
    assert rows("SELECT count(*) FROM tm_ingest") == [(1,)]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_ingest")


def test_the_clock_finds_its_tasks():
    from portal.celery import app
    from portal.settings.schedule import CELERY_BEAT_SCHEDULE

    app.loader.import_default_modules()
    names = {entry["task"] for entry in CELERY_BEAT_SCHEDULE.values()}
    assert {n for n in names if n.startswith("apps.monitoring.")} <= set(app.tasks)
