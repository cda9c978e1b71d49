"""What is asked before the rollers set to work."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from apps.monitoring.store import connect, journal

NOW = datetime(2025, 1, 1, 12, 0, 10, tzinfo=UTC)
AFTER = {1: timedelta(seconds=65), 3: timedelta(hours=1)}


@pytest.mark.django_db(transaction=True)
def test_a_bucket_waits_from_the_second_on_in_which_it_may_be_folded():
    def mark(kind: int, bucket: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM tm_dirty")
            cursor.execute("INSERT INTO tm_dirty VALUES (%s, %s)", [kind, bucket])

    minute = datetime(2025, 1, 1, 11, 59, tzinfo=UTC)
    mark(1, minute)
    assert [journal.waits(AFTER, NOW + timedelta(seconds=s)) for s in (-6, -5)] == [False, True]
    mark(3, minute)
    assert not journal.waits(AFTER, NOW)
    assert journal.waits(AFTER, NOW + timedelta(hours=1))
    mark(2, minute)
    assert not journal.waits(AFTER, NOW + timedelta(days=1))


@pytest.mark.django_db(transaction=True)
def test_a_kept_connection_outlives_its_server_process_and_is_no_child_s():
    ((first,),) = connect.ask("SELECT pg_backend_pid()")
    assert connect.ask("SELECT pg_backend_pid()") == [(first,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    ((second,),) = connect.ask("SELECT pg_backend_pid()")
    assert second != first
    with pytest.raises(psycopg.Error):
        connect.ask("SELECT 1 / 0")
    assert connect.ask("SELECT pg_backend_pid()") == [(second,)]
    kept = connect._kept
    connect._after_fork()
    ((third,),) = connect.ask("SELECT pg_backend_pid()")
    assert third != second
    kept.close()
