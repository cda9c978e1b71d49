"""What two routers, a cap and a channel that was off do to a page: it is told, and told once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.urls import reverse

from apps.alerts.clock import db_now
from apps.alerts.models import (
    AlertGroup,
    Cap,
    Channel,
    Digest,
    Escalation,
    GroupMember,
    Notification,
)
from apps.alerts.routing import enrol
from apps.alerts.routing.flushing import flush
from apps.alerts.routing.why import why
from apps.alerts.services import digests, silences, switchedon
from apps.alerts.services.dispatch import dispatch
from tests.alerts.conftest import wait_until, waits_for_lock
from tests.alerts.escalating import person, policy, told

pytestmark = pytest.mark.usefixtures("no_rules")


def off(*channels: Channel) -> None:
    Channel.objects.filter(pk__in=[one.pk for one in channels]).update(enabled=False)


def on(channel: Channel) -> None:
    Channel.objects.filter(pk=channel.pk).update(enabled=True)
    channel.refresh_from_db()
    with transaction.atomic():
        switchedon.catch_up(channel)


@pytest.mark.django_db
def test_what_is_over_a_cap_is_told_with_a_digest_and_says_so_and_when(desk, team, staff_client):
    channel = team.channels.get()
    Cap.objects.create(scope="channel", channel=channel, burst=1, per_hour=1)
    desk.fire("a", service_name="x")
    desk.wait(30)
    desk.fire("b", "c", service_name="y")
    desk.wait(30)
    assert desk.decided("a") == [("notified", "first")]
    assert desk.decided("b") == desk.decided("c") == [("digested", "first")]
    story = why(desk.names["c"])
    assert (story.answer, story.reason, story.by) == ("digested", "digest", "team")
    (kept,) = [step for step in story.steps if step.kind == "digest"]
    assert (kept.what, kept.by, kept.detail["sent_at"]) == ("kept", "team", None)
    page = reverse("alert-why", args=[desk.names["c"].pk])
    assert "Told with the next digest" in staff_client.get(page).content.decode()
    Digest.objects.update(due_at=db_now())
    assert digests.send_due() == 1
    story = why(desk.names["c"])
    assert story.answer == "undelivered"
    assert [step.what for step in story.steps if step.kind == "digest"] == ["kept", "left"]
    assert "digest" in [step.what for step in story.steps if step.kind == "message"]
    assert "The digest was handed over" in staff_client.get(page).content.decode()


@pytest.mark.django_db
def test_a_channel_that_is_on_again_tells_what_nobody_was_told(desk, root, team, make_rule, hook):
    channel, other = team.channels.get(), hook("other")
    own = make_rule(hook("own"))
    desk.now = db_now()
    off(channel, other, own.channels.get())
    desk.fire("a", severity="warning", service_name="x")
    (ruled,) = desk.fire("b", severity="warning", service_name="y")
    type(ruled).objects.filter(pk=ruled.pk).update(rule=own)
    desk.wait(300)
    assert desk.said() == []
    on(channel)
    desk.run()
    assert sorted(said[1] for said in desk.said()) == [["a"], ["b"]]
    on(own.channels.get())
    desk.run()
    assert told().count("own") == 1
    # Others were told meanwhile: no second page.
    team.channels.add(other)
    on(other)
    desk.run()
    assert "other" not in told()


@pytest.mark.django_db
def test_what_was_given_up_while_the_channel_was_off_is_told_when_it_is_on(desk, team):
    channel = team.channels.get()
    team.policy = policy({"kind": "user", "person": person("ann")})
    team.save()
    desk.now = db_now()
    desk.fire("a", severity="critical")
    ann = Channel.objects.get(name="ann")
    off(channel, ann)
    assert dispatch("webhook") == 2
    assert set(Notification.objects.values_list("state", flat=True)) == {"dead"}
    desk.now += timedelta(seconds=60)
    for one in (channel, ann):
        on(one)
        desk.run()
    waiting = Notification.objects.filter(state="pending").order_by("pk")
    assert sorted((row.channel.name, row.purpose) for row in waiting) == [
        ("ann", "escalation"), ("team", "firing"),
    ]  # fmt: skip
    for one in (channel, ann):
        on(one)
    desk.run()
    assert Notification.objects.filter(state="pending").count() == 2


@pytest.mark.django_db
def test_a_silence_that_ends_earlier_than_it_said_wakes_its_groups(desk, team):
    desk.now = db_now()
    wish = silences.Wish(["host=a"], desk.now + timedelta(hours=2), "x")
    silence = silences.create(wish, "ann")
    desk.fire("a")
    desk.wait(30)
    before = AlertGroup.objects.get().next_flush_at
    assert desk.decided("a") == [("suppressed", "silenced")]
    for ends_s, woken in ((3 * 3600, False), (40, True)):
        wish = silences.Wish(["host=a"], db_now() + timedelta(seconds=ends_s), "x")
        silences.change(silence, wish, "ann")
        assert (AlertGroup.objects.get().next_flush_at < before) is woken


@pytest.mark.django_db(transaction=True)
def test_two_routers_that_flush_one_alert_of_two_groups_at_once_tell_a_channel_once(
    desk, root, team, make_rule
):
    channel = team.channels.get()
    made = policy({"kind": "user", "person": person("ann")})
    team.policy = made
    team.save()
    rule = make_rule(channel, policy=made)
    (episode,) = desk.fire("a", severity="warning")
    type(episode).objects.filter(pk=episode.pk).update(rule=rule)
    enrol([episode], [], desk.now)
    AlertGroup.objects.update(next_flush_at=None)
    desk.run()
    first, second = AlertGroup.objects.order_by("pk")
    assert GroupMember.objects.filter(episode=episode).count() == 2
    Notification.objects.all().delete()
    GroupMember.objects.update(told_at=None, told_channels=[], told_severity="", verdict="")
    AlertGroup.objects.update(last_sent_at=None, flush_seq=F("flush_seq") + 1)
    Escalation.objects.all().delete()
    flushed = threading.Event()

    def other() -> None:
        try:
            with transaction.atomic():
                flush(
                    AlertGroup.objects.select_for_update(of=("self",)).get(pk=second.pk), desk.now
                )
        finally:
            flushed.set()
            connection.close()

    with transaction.atomic():
        flush(AlertGroup.objects.select_for_update(of=("self",)).get(pk=first.pk), desk.now)
        thread = threading.Thread(target=other)
        thread.start()
        wait_until(lambda: flushed.is_set() or waits_for_lock())
    thread.join()
    assert sorted(told()) == ["ann", channel.name]
