"""Alerts about delivery itself, and the whole way of a message down a real ladder."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.alerts.delivery import NOTIFIERS, Delivered
from apps.alerts.models import Channel, Enrolment, Episode, Notification, Outcome
from apps.alerts.services import channels, trouble
from apps.alerts.services.dispatch import dispatch
from apps.alerts.tasks import dispatch_notifications
from tests.alerts.test_dispatch import owe

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_wake_ups")]


def opened() -> list[Episode]:
    return list(Episode.objects.filter(source="delivery").order_by("started_at"))


def test_a_channel_that_refuses_has_one_alert_until_it_delivers_again(receiver, monkeypatch):
    channel = channels.ensure("webhook", receiver.url + "/404/x", name="ops hook")
    for number in range(3):
        owe(channel, number)
    dispatch("webhook")
    (episode,) = opened()
    assert (episode.state, episode.labels) == (
        "firing", {"channel": "ops hook", "kind": "webhook"},
    )  # fmt: skip
    assert "404" in episode.summary
    assert Enrolment.objects.get().episode == episode
    assert trouble.look() == (0, 0)
    well = Delivered(Outcome.OK, 200)
    monkeypatch.setattr(NOTIFIERS["webhook"], "send", lambda envelope: well)
    owe(channel, 9)
    dispatch("webhook")
    assert trouble.look() == (0, 1)
    (episode,) = opened()
    assert (episode.state, episode.end_reason) == ("resolved", "ok")
    assert Enrolment.objects.count() == 2


def test_a_channel_that_takes_nothing_for_minutes_has_one_too_and_loses_it_with_its_switch(db):
    channel = channels.ensure("webhook", "https://x.example.com/x")
    owe(channel)
    Channel.objects.update(failing_since=Now() - timedelta(seconds=299))
    dispatch_notifications()
    assert opened() == []
    Channel.objects.update(failing_since=Now() - timedelta(seconds=301))
    dispatch_notifications()
    dispatch_notifications()
    assert len(opened()) == 1
    Channel.objects.update(enabled=False)
    dispatch_notifications()
    assert opened()[0].state == "resolved"


@pytest.mark.parametrize("purpose", ["test", "heartbeat"])
def test_a_test_that_fails_is_no_alert(purpose, receiver):
    owe(channels.ensure("webhook", receiver.url + "/404/x"), purpose=purpose)
    dispatch("webhook")
    assert opened() == []


def test_from_alimtalk_to_sms_to_a_webhook_by_real_requests(phone, receiver):
    talk, text = phone("nhn", "0400"), phone("twilio", "0400")
    hook = channels.ensure("webhook", receiver.url + "/ok/x")
    Channel.objects.filter(pk=talk.pk).update(fallback=text)
    Channel.objects.filter(pk=text.pk).update(fallback=hook)
    row = owe(talk, severity="critical")
    for kind in ("alimtalk", "sms", "webhook"):
        dispatch(kind)
    states = dict(Notification.objects.values_list("channel_id", "state"))
    assert states == {talk.pk: "dead", text.pk: "dead", hook.pk: "sent"}
    assert Notification.objects.get(channel=hook).fallback_of.fallback_of == row
    assert len(receiver.requests()) == 1
