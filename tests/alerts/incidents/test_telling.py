"""Whoever an incident concerns is told what becomes of it: each line of its log once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from apps.alerts import incidents
from apps.alerts.delivery import wording
from apps.alerts.incidents import work
from apps.alerts.models import (
    Cap,
    Channel,
    ContactMethod,
    DigestEntry,
    Incident,
    Notification,
    OutboxState,
    Purpose,
    Receiver,
    Route,
    Rule,
    Silence,
)
from apps.alerts.services import channels, threads
from apps.alerts.services.outbox import claim
from apps.core.clock import db_now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


@pytest.fixture
def routed(db) -> dict[str, Channel]:
    """The root tells `ops`, the shop's route its own team, by chat and pager."""
    found = {
        "ops": channels.ensure("email", "ops@example.com"),
        "shop": channels.ensure("webhook", "https://hooks.example.com/shop"),
        "pager": channels.ensure("pagerduty", "a" * 32),
    }
    root, _ = Route.objects.get_or_create(parent=None, defaults={"name": "All"})
    for name, to in (("ops", ["ops"]), ("shop", ["shop", "pager"])):
        receiver = Receiver.objects.create(name=name)
        receiver.channels.set([found[one] for one in to])
        if name == "ops":
            Route.objects.filter(pk=root.pk).update(receiver=receiver)
        else:
            Route.objects.create(
                parent=root, name=name, receiver=receiver,
                stored_matchers=[{"name": "service.name", "op": "=", "value": "shop"}],
            )  # fmt: skip
    return found


def told(incident, since=0):
    """Channel and reason of each message, in the order owed."""
    rows = Notification.objects.filter(incident=incident, pk__gt=since).order_by("pk")
    return [(row.channel.hint if row.person is None else str(row.person), row.reason)
            for row in rows.select_related("channel", "person")]  # fmt: skip


def last():
    newest = Notification.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def test_the_receivers_of_its_alerts_hear_of_each_change_once(routed, make_episode):
    shop = routed["shop"].hint
    episode = make_episode()
    one = incidents.declare("k", "Shop down", "major", by="ann", episodes=[episode])
    # Its pager has the alert itself already.
    assert told(one) == [(shop, "declared")]
    # The same again is no news; what is worse is, and whoever a further alert concerns joins.
    incidents.declare("k", "Shop down", "minor", by="bob", episodes=[episode])
    mark = last()
    other = make_episode(labels={"service.name": "pay"})
    incidents.declare("k", "Shop down", "critical", by="bob", episodes=[episode, other])
    ops = routed["ops"].hint
    assert sorted(told(one, mark)) == sorted([(shop, "severity"), (ops, "severity")])
    mark = last()
    incidents.move(one, "acknowledged", "bob")
    incidents.move(one, "resolved", "bob", "Rolled back.")
    incidents.move(one, "closed", "bob")
    assert sorted(told(one, mark)) == sorted([(shop, "status"), (ops, "status")] * 2)
    event = one.log.get(detail__after="resolved")
    assert event.detail["told"] == sorted([routed["shop"].pk, routed["ops"].pk])
    assert len(set(Notification.objects.values_list("key", flat=True))) == 7
    payload = Notification.objects.latest("pk").payload
    assert (payload["state"], payload["incident"]["text"]) == ("resolved", "Rolled back.")
    assert payload["url"].endswith(f"/admin/incidents/{one.pk}/")


def test_without_alerts_the_routes_of_its_services_hear_of_it_pagers_too(routed):
    one = incidents.declare(
        "k", "Shop down", "critical", by="ann", about=incidents.About(services=["shop"])
    )
    assert {hint for hint, _ in told(one)} == {routed["shop"].hint, routed["pager"].hint}
    two = incidents.declare("l", "All down", "critical", by="ann")
    assert told(two) == [(routed["ops"].hint, "declared")]


def test_a_role_makes_it_a_persons_own_and_a_merged_one_sends_to_the_other(routed):
    person = User.objects.create_user("ada", is_staff=True)
    own = channels.ensure("email", "ada@example.com")
    ContactMethod.objects.create(person=person, channel=own)
    one = incidents.declare("k", "Down", "critical", by="ann")
    two = incidents.declare("l", "Slow", "minor", by="ann")
    work.give_role(one, "commander", person, "ann")
    mark = last()
    work.describe(one, "ann", severity="minor", title="Less so")
    ops = routed["ops"].hint
    assert sorted(told(one, mark)) == sorted([(ops, "severity"), ("ada", "severity")])
    mark = last()
    work.merge(one, two, "ann")
    assert sorted(told(one, mark)) == sorted([(ops, "merged"), ("ada", "merged")])
    assert told(two, mark) == []


def test_a_rule_whose_alerts_are_silenced_opens_one_in_silence(bench, channel):
    Rule.objects.update(opens_incident="any")
    silence = Silence.objects.create(
        stored_matchers=[{"name": "alertname", "op": "=", "value": "CPU"}],
        starts_at=bench.now - timedelta(hours=1), ends_at=db_now() + timedelta(days=365),
        created_by="ann", comment="x",
    )  # fmt: skip
    bench.tick(0.95)
    quiet = Incident.objects.get()
    assert told(quiet) == []
    bench.tick(0.1)
    Silence.objects.filter(pk=silence.pk).delete()
    Incident.objects.update(resolved_at=db_now() - timedelta(hours=2))
    bench.tick(0.95)
    bench.tick(0.1)
    loud = Incident.objects.exclude(pk=quiet.pk).get()
    assert told(loud) == [(channel.hint, "declared"), (channel.hint, "status")]
    assert told(quiet) == []
    # The page itself is a message of its own, by the rule's route.
    assert Notification.objects.filter(purpose=Purpose.FIRING).exists()


def test_a_cap_holds_back_what_is_no_new_trouble(routed):
    Cap.objects.create(scope="channel", channel=routed["ops"], burst=1, per_hour=1)
    one = incidents.declare("k", "Down", "critical", by="ann")
    incidents.acknowledge(one, "ann")
    work.describe(one, "ann", severity="minor")
    work.describe(one, "ann", severity="critical")
    assert [reason for _, reason in told(one)] == ["declared", "severity"]
    assert DigestEntry.objects.filter(purpose=Purpose.INCIDENT).count() == 2


def test_messages_leave_in_order_and_are_one_thread(routed):
    one = incidents.declare("k", "Down", "major", by="ann")
    incidents.acknowledge(one, "ann")
    (first,) = claim("email", 5)
    assert first.notification.reason == "declared"
    assert first.envelope.subject == f"incident-{one.pk}"
    Notification.objects.filter(pk=first.notification.pk).update(
        state=OutboxState.SENT, provider_id="C1:7"
    )
    (second,) = claim("email", 5)
    assert second.notification.reason == "status"
    assert second.envelope.thread == "C1:7"
    assert threads.opened([second.notification]) == {second.notification.pk: "C1:7"}


def test_a_message_says_what_happened_in_the_language_of_its_reader(routed, make_episode):
    one = incidents.declare(
        "k", "Shop down", "critical", by="ann", episodes=[make_episode()],
        about=incidents.About(summary="Carts are empty."),
    )  # fmt: skip
    shown = []
    incidents.move(one, "resolved", "bob", "It was the disk.")
    incidents.reopen(one, "system")
    for row in Notification.objects.filter(channel=routed["shop"]).order_by("pk"):
        with translation.override("en"):
            words = wording.context(row.payload)
            shown.append((words["title"], words["tone"], wording.text(words)))
    assert [(title, tone) for title, tone, _ in shown] == [
        ("[Incident, Critical] Shop down", "critical"),
        ("[Incident: Resolved] Shop down", "resolved"),
        ("[Incident opened again] Shop down", "critical"),
    ]
    assert "declared by ann" in shown[0][2]
    assert "Carts are empty.\nServices: shop\nAlerts: HIGH_ERROR_RATE" in shown[0][2]
    assert "from Open to Resolved, by bob.\nIt was the disk." in shown[1][2]
    assert "Ended: " in shown[1][2]
    assert f"Open in Pharos: {row.payload['url']}" in shown[2][2]
