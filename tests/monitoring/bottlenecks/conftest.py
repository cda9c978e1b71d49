"""An empty store, and traces written into it as any sender's."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.monitoring.bottlenecks import walk
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Resource, Span
from tests.monitoring.bottlenecks.making import BASE_US, Call, rows
from tests.monitoring.store.conftest import clear

# Inside today's or yesterday's partition, and over long enough to be examined.
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)


@pytest.fixture
def store(transactional_db):
    clear()
    yield
    committer().close()


@pytest.fixture
def send(store):
    """`send(call, …)` stores each call as one trace, a second apart; gives their ids."""
    made = iter(range(1, 100_000))

    def run(*calls: Call, minute=MINUTE, start_s=1.0, trace_id=None):
        spans, ids = [], []
        for n, call in enumerate(calls):
            # Random enough for its low bits, and new in each test.
            key = trace_id or (next(made) * 0x9E3779B97F4A7C15 % 2**63).to_bytes(16, "big")
            ids.append(key.hex())
            spans += [_span(row, key, minute, start_s + n) for row in rows(call)]
        assert committer().submit(Batch(spans=spans)).result(20).accepted == len(spans)
        return ids

    return run


_resources: dict[str, Resource] = {}


def _span(row, trace_id, minute, after_s):
    resource = _resources.setdefault(row.service, Resource({"service.name": row.service}))
    start = int(minute.timestamp() * 1e9) + int(after_s * 1e9) + (row.start_us - BASE_US) * 1000
    parent = row.parent_id.to_bytes(8, "big") if row.parent_id else None
    return Span(
        resource, trace_id, row.span_id.to_bytes(8, "big"), parent, row.name, row.kind, start,
        start + row.duration_us * 1000, row.status, row.attrs, row.events or None,
    )  # fmt: skip


@pytest.fixture
def look():
    """Examine everything that is due, as the task does."""
    return walk.walk
