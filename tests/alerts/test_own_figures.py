"""What the engine tells of itself: how much fires, how fast people dealt with it, what got lost."""

from datetime import timedelta

import pytest
from django.db.models import F

from apps.alerts import incidents
from apps.alerts.clock import db_now
from apps.alerts.collecting import Trouble
from apps.alerts.delivery import Delivered
from apps.alerts.models import (
    DeadMan,
    Incident,
    Notification,
    OutboxState,
    Outcome,
    Purpose,
)
from apps.alerts.services import ladder
from apps.alerts.services.outbox import claim, settle
from apps.alerts.services.owe import owe
from tests.alerts.conftest import Bench
from tests.alerts.escalating import episode, webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


def figures() -> dict:
    (collector,) = Trouble.configured()
    return {
        (metric.name, attrs.get("severity", "")): value
        for metric, value, attrs in collector.read().points
    }


def test_open_alerts_incidents_and_the_means_are_figures_a_rule_can_read():
    seen = figures()
    assert (seen["pharos.alert.firing", "critical"], seen["pharos.incident.open", "major"]) == (
        0,
        0,
    )
    # A mean of no incident is unknown, and not 0.
    assert ("pharos.incident.mtta", "") not in seen
    episode()
    episode("warning", state="resolved", ended_at=db_now())
    one = incidents.declare("k", "Down", "major", by="ann")
    incidents.acknowledge(one, "ann")
    incidents.move(one, "resolved", "ann")
    Incident.objects.update(
        acknowledged_at=F("detected_at") + timedelta(seconds=40),
        resolved_at=F("detected_at") + timedelta(seconds=600),
    )
    incidents.declare("l", "Slow", "minor", by="ann")
    seen = figures()
    assert seen["pharos.alert.firing", "critical"] == 1
    assert seen["pharos.alert.firing", "warning"] == 0
    assert (seen["pharos.incident.open", "minor"], seen["pharos.incident.open", "major"]) == (1, 0)
    assert seen["pharos.incident.unacknowledged", ""] == 1
    assert (seen["pharos.incident.mtta", ""], seen["pharos.incident.mttr", ""]) == (40, 600)


def test_only_a_message_that_no_rung_takes_is_lost_and_it_is_lost_once(monkeypatch):
    lost = []
    monkeypatch.setattr(
        "apps.alerts.services.ladder.recorder.count",
        lambda name, *_rest, **known: lost.append(known) if name.endswith(".lost") else None,
    )
    upper, lower = webhook("upper"), webhook("lower")
    upper.fallback = lower
    upper.save()
    owe([upper], Purpose.FIRING, {}, news="a", severity="critical")
    for purpose in (Purpose.TEST, Purpose.RESOLVED):
        owe([upper], purpose, {}, news=purpose)
    refused = Delivered(Outcome.PERMANENT, 403, error="No.")
    for _ in range(3):
        for one in claim("webhook", 5):
            settle(one, refused)
    states = sorted(Notification.objects.values_list("purpose", "state"))
    assert states == [(one, "dead") for one in ("firing", "firing", "resolved", "test")]
    assert lost == [{"attrs": {"kind": "webhook"}}]
    # A rung that still tries may yet deliver.
    above = Notification.objects.get(fallback_of=None, purpose="firing")
    below = Notification.objects.get(fallback_of=above)
    Notification.objects.filter(pk=above.pk).update(state=OutboxState.PENDING)
    below.refresh_from_db()
    assert not ladder._lost(below)


def test_that_messages_are_lost_is_told_by_the_second_way(make_rule, source):
    rule = make_rule(
        name="MESSAGES_LOST", built_in="MESSAGES_LOST", metric="pharos.notification.lost",
        aggregation="increase", warning=None, critical=0,
    )  # fmt: skip
    lonely = Bench(rule, source)
    lonely.tick(1)
    assert not Notification.objects.exists()
    lonely.tick(0)
    second = webhook("second")
    DeadMan.objects.update_or_create(pk=1, defaults={"second": second})
    lonely.tick(2)
    lonely.tick(0)
    told = Notification.objects.order_by("pk").values_list("channel", "purpose", "severity")
    assert list(told) == [(second.pk, "firing", "critical"), (second.pk, "resolved", "critical")]
    # It is no channel of the rule: who takes it away in the switch takes it away here.
    assert not rule.channels.exists()
