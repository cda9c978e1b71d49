"""The dead man's switch: a heartbeat every stage vouches for, and who is told when it stops."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from health_check.exceptions import ServiceUnavailable

from apps.alerts import checks, deadwatch
from apps.alerts.clock import db_now
from apps.alerts.collecting import Delivery
from apps.alerts.delivery import Delivered
from apps.alerts.health import Alerting
from apps.alerts.models import (
    AlertGroup,
    Attempt,
    Channel,
    DeadMan,
    Digest,
    Escalation,
    Notification,
    OutboxState,
    Outcome,
)
from apps.alerts.services import channels, deadman
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.outbox import claim, settle
from apps.alerts.tasks import evaluate_rules
from tests.alerts.test_dispatch import owe

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_wake_ups", "no_rules"),
]


@pytest.fixture
def outside(receiver) -> Channel:
    return channels.ensure("heartbeat", f"{receiver.url}/ok/ping/abc")


@pytest.fixture
def second(receiver) -> Channel:
    return channels.ensure("webhook", f"{receiver.url}/ok/second")


@pytest.fixture
def switch(outside, second) -> DeadMan:
    deadman.settings()
    DeadMan.objects.update(heartbeat=outside, second=second)
    return deadman.settings()


def old(seconds: int) -> None:
    DeadMan.objects.update(beat_at=Now() - timedelta(seconds=seconds))


@pytest.fixture
def watcher() -> deadwatch.Watcher:
    return deadwatch.Watcher(started=-1e9)


def told(receiver) -> list[str]:
    """What the second channel was told."""
    return [r["body"] for r in receiver.requests() if r["path"].endswith("second")]


def test_each_minute_one_heartbeat_goes_the_whole_way_and_is_heard(switch, receiver):
    for _ in range(3):
        evaluate_rules()
    assert Notification.objects.count() == 1
    dispatch("heartbeat")
    assert [r["path"] for r in receiver.requests()] == ["/ok/ping/abc"]
    assert deadman.settings().heard_at is not None
    assert deadman.heart().trouble == ""
    old(58)
    evaluate_rules()
    assert Notification.objects.count() == 2


def test_without_anybody_outside_the_heart_still_beats_for_the_web_process(db):
    evaluate_rules()
    assert deadman.settings().beat_at is not None
    assert not Notification.objects.exists()


def test_a_late_stage_withholds_the_heartbeat(switch, make_rule, second):
    rule = make_rule()
    type(rule).objects.update(next_eval_at=Now() - timedelta(seconds=61))
    assert "rules" in deadman.vitals().late
    assert not deadman.beat()
    type(rule).objects.update(next_eval_at=Now())
    owe(second, next_attempt_at=Now() - timedelta(seconds=61))
    assert "outbox" in deadman.vitals().late
    assert not deadman.beat()
    assert DeadMan.objects.get().beat_at is None


def test_a_message_that_waits_behind_another_of_its_channel_is_not_late(switch, second):
    owe(second, 1, attempt=5, next_attempt_at=Now() + timedelta(seconds=50))
    owe(second, 2, next_attempt_at=Now() - timedelta(seconds=500))
    assert deadman.vitals().late == ""


def test_a_dispatcher_that_dies_of_every_message_is_late_though_it_claims_each_at_once(
    switch, second
):
    row = owe(second, 1)
    for number in (1, 2, 3):
        # Claimed, and its worker died: the lease ran out.
        assert [one.notification.pk for one in claim("webhook", 1)] == [row.pk]
        assert deadman.vitals().late == ""
        past = Now() - timedelta(seconds=1)
        Notification.objects.filter(pk=row.pk).update(lease_until=past)
        Attempt.objects.filter(number=number).update(started_at=Now() - timedelta(seconds=30))
    Attempt.objects.filter(number=1).update(started_at=Now() - timedelta(seconds=61))
    assert "outbox 61 s" in deadman.vitals().late
    assert not deadman.beat()
    (claimed,) = claim("webhook", 1)
    assert "outbox" in deadman.vitals().late
    settle(claimed, Delivered(Outcome.TRANSIENT))
    assert deadman.beat()


def test_an_escalation_and_a_digest_that_nobody_works_on_withhold_the_heartbeat(switch, second):
    late = db_now() - timedelta(seconds=61)
    digest = Digest.objects.create(channel=second, due_at=late)
    assert "escalations 61 s" in deadman.vitals().late
    digest.delete()
    assert deadman.vitals().late == ""
    Escalation.objects.create(
        policy_name="x", plan={}, severity="critical", started_at=late, next_at=late
    )
    assert not deadman.beat()


def test_what_is_tried_and_fails_each_time_is_late_though_it_is_due_again_soon(switch):
    soon, late = db_now() + timedelta(seconds=10), db_now() - timedelta(seconds=61)
    group = AlertGroup.objects.create(key="x", next_flush_at=soon, failing_since=late)
    assert "groups 61 s" in deadman.vitals().late
    group.delete()
    Escalation.objects.create(
        policy_name="x", plan={}, severity="critical", started_at=late, next_at=soon, errors=5
    )
    assert "escalations 65 s" in deadman.vitals().late


def test_when_heartbeats_stop_the_second_channel_is_told_once_and_told_when_they_return(
    switch, watcher, receiver
):
    old(181)
    for _ in range(3):
        assert "No heartbeat" in watcher.look()
    assert len(told(receiver)) == 1
    assert "Alerting itself is dead" in told(receiver)[0]
    row = Notification.objects.get(reason="deadman")
    assert (row.state, row.severity) == (OutboxState.SENT, "critical")
    old(1)
    assert watcher.look() == watcher.look() == ""
    assert len(told(receiver)) == 2
    assert '"resolved"' in told(receiver)[1]


def test_two_web_processes_tell_it_once_and_one_that_could_not_tries_again(
    switch, watcher, receiver
):
    Channel.objects.filter(pk=switch.second_id).update(kind="nothing")
    old(181)
    watcher.look()
    assert told(receiver) == []
    Channel.objects.filter(pk=switch.second_id).update(kind="webhook")
    watcher.look()
    deadwatch.Watcher(started=-1e9).look()
    assert len(told(receiver)) == 1


def test_a_portal_that_was_off_for_a_night_is_given_time(switch, receiver):
    old(40_000)
    assert deadwatch.Watcher().look() != ""
    assert told(receiver) == []


def test_with_the_database_away_it_tells_what_it_last_knew_once(
    switch, watcher, receiver, monkeypatch
):
    old(1)
    assert watcher.look() == ""
    monkeypatch.setattr(deadman, "settings", away)
    # Which looks at the clock, too.
    monkeypatch.setattr(deadwatch, "close_old_connections", lambda: None)
    clock = iter([1000.0, 1100.0, 1181.0, 1300.0])
    monkeypatch.setattr(deadwatch.time, "monotonic", lambda: next(clock))
    sent = []
    done = Delivered(Outcome.OK)
    monkeypatch.setattr(deadwatch, "send_now", lambda kind, one: sent.append(one) or done)
    for _ in range(4):
        assert "database" in watcher.look()
    assert [one.payload["rule"]["name"] for one in sent] == ["Alerting itself is dead"]


def away() -> None:
    raise OperationalError("gone")


def test_health_says_whether_a_page_would_get_through(switch, monkeypatch):
    monkeypatch.setattr("apps.alerts.health.connection.close", lambda: None)
    with pytest.raises(ServiceUnavailable, match="No heartbeat has left yet"):
        Alerting().run()
    deadman.beat()
    Alerting().run()
    old(200)
    with pytest.raises(ServiceUnavailable, match="for 20"):
        Alerting().run()


def test_a_check_says_that_nobody_watches_until_both_are_chosen(outside, second):
    assert [one.id for one in checks.watched(["default"])] == ["alerts.I004"]
    deadman.settings()
    DeadMan.objects.update(heartbeat=outside)
    assert checks.watched(["default"])
    DeadMan.objects.update(second=second)
    assert checks.watched(["default"]) == []
    assert checks.watched([]) == []


def test_delivery_tells_its_own_figures(switch, second):
    owe(second, 1, state="dead")
    owe(second, 2, next_attempt_at=Now() - timedelta(seconds=30))
    Channel.objects.filter(pk=second.pk).update(failing_since=Now())
    deadman.beat()
    (collector,) = Delivery.configured()
    figures = {point.metric.name: point.value for point in collector.read().points}
    assert figures["pharos.notification.dead"] == 1
    assert figures["pharos.channel.failing"] == 1
    assert 30 <= figures["pharos.notification.age"] < 60
    assert figures["pharos.heartbeat.age"] < 30


def test_old_heartbeats_do_not_pile_up(switch):
    for number in range(3):
        owe(switch.heartbeat, number, purpose="heartbeat", state="sent")
    Notification.objects.update(created_at=Now() - timedelta(hours=2))
    deadman.beat()
    assert Notification.objects.count() == 1
