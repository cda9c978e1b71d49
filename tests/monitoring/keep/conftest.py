"""The empty store, and a day that is over, filled as a test likes.

What is tested here uses connections of its own, so it must be committed. The tables are emptied by
hand: flushing the whole database after each test would take longer than all tests together.
"""

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.monitoring.bottlenecks import walk
from apps.monitoring.intake.commit import committer
from apps.monitoring.services import keeping
from apps.monitoring.store import partitions, rollups
from apps.monitoring.store.rows import Batch, LogRecord, Span
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

# Yesterday: its partition is there, and the clock may be moved on as far as a test likes.
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
NOON = DAY + timedelta(hours=12)
NAME = f"tm_span_p{DAY:%Y%m%d}"
_TABLES = (
    "monitoring_samplingpolicy", "monitoring_legalhold", "monitoring_logarchive",
    "monitoring_sighting", "monitoring_bottleneck", "monitoring_routeminute",
    "monitoring_examinedminute",
)  # fmt: skip


def _wipe():
    clear()
    with connection.cursor() as cursor:
        cursor.execute(";".join(f"DELETE FROM {table}" for table in _TABLES))
        cursor.execute("TRUNCATE core_auditentry")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'tm_log_block'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")


@pytest.fixture(scope="module")
def _database(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        _wipe()
        partitions.ensure()


@pytest.fixture
def _django_db_helper(_database):
    """pytest-django's, for the mark `django_db`, without a transaction and without the flush."""


@pytest.fixture
def store(_database):
    """The store, emptied before the test, with every partition that is due."""
    _wipe()
    partitions.ensure()


@pytest.fixture
def rows(store):
    """Run one query and fetch all."""

    def run(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    return run


def ns(moment):
    return int(moment.timestamp()) * 10**9


def trace_id(share):
    """A random trace id whose low 56 bits lie at `share` of their range."""
    return os.urandom(9) + int(share * 2**56).to_bytes(7, "big")


def span(at=NOON, share=0.5, ms=5, trace=None, **over):
    """One span; its trace is in a consistent share of more than 1 - `share`."""
    start = ns(at)
    return make.span(
        start_ns=start, end_ns=start + int(ms * 10**6), trace_id=trace or trace_id(share), **over
    )


def log(body="hello", at=NOON, **over):
    """One log line."""
    return make.log(body, time_ns=ns(at), **over)


def put(*found):
    """Store spans and lines as a sender would have."""
    lines = [row for row in found if isinstance(row, LogRecord)]
    spans = [row for row in found if isinstance(row, Span)]
    assert committer().ingest(Batch(spans=spans, logs=lines)).rejected == 0


def rolled_up():
    """As if the rollups had seen all there is."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_dirty")


def fold():
    """Have the rollups, the service map and the bottlenecks see all there is."""
    while not rollups.roll_up().finished:
        pass
    while not walk.walk().finished:
        pass


def keep(now):
    """Move days on whose rows the rollups have seen."""
    rolled_up()
    return keeping.keep(now)
