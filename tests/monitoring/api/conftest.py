"""A store with known figures, and callers of every kind."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apps.core.services import apikeys
from apps.monitoring.intake.commit import committer
from apps.monitoring.queries import components
from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Kind,
    Metric,
    Resource,
    Sample,
    Series,
    Temporality,
)
from tests.monitoring.collectors.conftest import store  # noqa: F401 (a fixture)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
START = NOW - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    """What this process's own checks say; nothing unless the test says so."""
    states = []
    monkeypatch.setattr(components.registry, "read", lambda wait_s=0: states)
    return states


@pytest.fixture
def key(db):
    """`key(*scopes)` is a test client that carries an API key."""

    def make(*scopes):
        _, secret = apikeys.create("test", list(scopes))
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def reader(key):
    """A program that may read."""
    return key("read")


def ns(moment):
    return int(moment.timestamp() * 1e9)


@pytest.fixture
def load(store):  # noqa: F811
    """Ten minutes of known load: CPU of two hosts, a counter, and the times of 100 requests."""
    batch = Batch()
    one = Resource({"service.name": "pharos", "host.name": "one"})
    two = Resource({"service.name": "shop", "host.name": "two"})
    cpu = Metric("system.cpu.utilization", "1", Kind.GAUGE)
    memory = Metric("system.memory.utilization", "1", Kind.GAUGE)
    total = Metric("test.bytes", "By", Kind.SUM, Temporality.CUMULATIVE, monotonic=True)
    for minute in range(10):
        at = ns(START + timedelta(minutes=minute, seconds=1))
        batch.samples += [
            Sample(Series(cpu, one, {}), at, 0.1 * (minute % 5)),
            Sample(Series(cpu, two, {}), at, 0.6),
            Sample(Series(memory, one, {}), at, 0.25),
            # The source starts anew after the fifth minute.
            Sample(Series(total, one, {"direction": "read"}), at, 6000.0 * (minute % 5)),
        ]
    times = Metric("http.server.request.duration", "s", Kind.HISTOGRAM, Temporality.DELTA)
    for route, count, bucket in (("/fast", 90, -160), ("/slow", 10, 0)):
        # Scale 5: bucket -160 is (1/32 s, …], bucket 0 is (1 s, …].
        batch.histograms.append(
            Histogram(
                Series(times, one, {"http.route": route}), ns(START), ns(START) + 60_000_000_000,
                count, count * 2 ** (bucket / 32), None, None, 5, 0, bucket, [count],
            )
        )  # fmt: skip
    committer().ingest(batch)
