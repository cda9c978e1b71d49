"""An empty telemetry store for every test that asks for it."""

import pytest
from django.db import connection

from apps.monitoring.intake.commit import committer
from apps.monitoring.queries import series

# What points at others comes first. DELETE: TRUNCATE would make new files for every partition.
TABLES = (
    "tm_sample", "tm_hist", "tm_span", "tm_log", "tm_sample_1m", "tm_sample_1h", "tm_hist_1m",
    "tm_hist_1h", "tm_log_1m", "tm_log_template_1m", "tm_log_template", "tm_red_1m", "tm_red_1h",
    "tm_red_1d", "tm_dirty", "tm_ingest", "tm_series", "tm_metric", "tm_name", "tm_resource",
    "tm_pin", "tm_thinned", "tm_operation", "tm_log_block",
    "tm_edge_1m", "tm_edge_1h",
    "tm_sample_1d", "tm_hist_1d", "tm_exemplar", "tm_drop",
)  # fmt: skip


def clear():
    """Empty the store: Django's flush leaves unmanaged tables alone.

    Writers, ours and those of other processes, lose their connection and the ids they remember;
    readers of this process forget which series there were.
    """
    committer().close()
    series.forget()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'pharos-intake' AND datname = current_database()"
        )
        cursor.execute(";".join(f"DELETE FROM {table}" for table in TABLES))


@pytest.fixture
def store(transactional_db):
    """The store, emptied before the test."""
    clear()


@pytest.fixture
def rows(store):
    """Run one query and fetch all."""

    def run(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    return run
