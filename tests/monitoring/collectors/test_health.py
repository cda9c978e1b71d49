"""The health checks of monitoring."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from apps.core.health import registry
from apps.monitoring import health
from apps.monitoring.intake.commit import CommitStats
from apps.monitoring.models import CollectorState


def outcome(check):
    """What the check raises in a thread of its own, as a watch runs it."""
    raised = []

    def run():
        try:
            check.run()
        except Exception as error:  # noqa: BLE001 (whatever it was is the outcome)
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return raised[0] if raised else None


@pytest.mark.django_db(transaction=True)
def test_collecting_is_down_until_a_collector_ran_and_when_none_did_lately():
    assert isinstance(outcome(health.Collecting()), ServiceUnavailable)
    row = CollectorState.objects.create(
        kind="host", target="here", interval_s=5, last_run=datetime.now(UTC)
    )
    assert outcome(health.Collecting()) is None
    row.last_run -= timedelta(minutes=2)
    row.save()
    assert "No collector has run for" in str(outcome(health.Collecting()))


@pytest.mark.django_db(transaction=True)
def test_a_missing_partition_is_named(monkeypatch):
    assert outcome(health.Partitions()) is None
    from apps.monitoring.store import partitions

    table = partitions.Partitioned("tm_sample", "day", "samples")
    monkeypatch.setattr(
        partitions, "missing", lambda now: {table: [datetime(2026, 11, 22, tzinfo=UTC)]}
    )
    assert "tm_sample_p20261122" in str(outcome(health.Partitions()))


def test_the_intake_is_down_when_nothing_is_stored_and_degraded_when_some_is(monkeypatch):
    stats = CommitStats()

    monkeypatch.setattr(health, "all_stats", lambda: stats)
    check = health.Intake()
    check.run()
    stats = CommitStats(failures=3)
    with pytest.raises(ServiceUnavailable):
        check.run()
    check.run()
    stats = CommitStats(failures=4, commits=1)
    with pytest.raises(ServiceWarning):
        check.run()
    stats = CommitStats(failures=4, commits=1, refused_busy=2)
    with pytest.raises(ServiceWarning, match="2 batches"):
        check.run()


def test_the_checks_are_registered():
    assert {"collectors", "partitions", "intake"} <= registry._watches.keys()
