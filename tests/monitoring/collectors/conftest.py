"""A store to collect into, and collectors made for one test."""

import contextlib
import threading

import pytest
from django.db import connection

from apps.monitoring.collectors import postgresql, running
from apps.monitoring.collectors.base import COLLECTORS, Collector, Reading, gauge
from apps.monitoring.intake.commit import committer
from tests.monitoring.store.conftest import clear

FIGURE = gauge("test.figure")


@pytest.fixture
def store(transactional_db):
    """An empty store, and no session left behind."""
    clear()
    yield
    # The writer remembers the series of the former test.
    committer().close()
    while postgresql._open:
        postgresql._open.popitem()[1].close()


@pytest.fixture
def rows(store):
    """Run one query and fetch all."""

    def run(statement, *params):
        with connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def kinds():
    """Forget the kinds a test defines."""
    before = dict(COLLECTORS)
    yield COLLECTORS
    COLLECTORS.clear()
    COLLECTORS.update(before)


@pytest.fixture
def make(kinds):
    """`make(name, read)` is a collector whose `read` is this function of no argument."""
    released = []

    def build(name, read, **options):
        class Made(Collector, kind=name):
            @classmethod
            def configured(cls):
                return [cls(target="one", **options)]

            def read(self):
                return read()

        return Made(target="one", **options)

    def hang():
        released.append(threading.Event())
        released[-1].wait(60)
        return Reading()

    build.hang = hang
    yield build
    for event in released:
        event.set()
    with contextlib.suppress(AttributeError):
        for thread in threading.enumerate():
            if thread.name.startswith("collect-"):
                thread.join(10)


@pytest.fixture
def due(rows):
    """Make every collector due again."""

    def run():
        rows("UPDATE monitoring_collectorstate SET due_at = now() - interval '1 second'")

    return run


@pytest.fixture
def collect(store):
    """Run these collectors as the task does."""

    def run(*collectors):
        return {r.collector.kind: r for r in running.collect(lambda: collectors)}

    return run


@pytest.fixture
def values(rows):
    """The stored values of one metric, oldest first."""

    def read(name):
        return [
            value
            for (value,) in rows(
                "SELECT value FROM tm_sample JOIN tm_series s ON s.id = series_id"
                " JOIN tm_metric m ON m.id = s.metric_id WHERE m.name = %s ORDER BY ts",
                name,
            )
        ]

    return read
