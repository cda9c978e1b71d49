"""Why was I (not) told: the page, the API, and the pages about the tree."""

import json
import uuid

import pytest
from django.urls import reverse

from apps.alerts.delivery import Delivered
from apps.alerts.models import AlertGroup, Enrolment, Notification, Outcome, Receiver, Route
from apps.alerts.routing.why import why
from apps.alerts.services.acknowledgements import acknowledge
from apps.alerts.services.outbox import claim, settle
from tests.rights import PermissionMatrix

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_rules")]


def story(desk, name):
    told = why(desk.names[name])
    return told.answer, [(step.kind, step.what) for step in told.steps]


def test_a_told_alert_shows_group_decision_message_and_attempt(desk, team):
    desk.fire("a", severity="critical")
    (claimed,) = claim("webhook", 1)
    settle(claimed, Delivered(Outcome.PERMANENT, 404, "The receiver answered 404."))
    answer, steps = story(desk, "a")
    # Refused by the only channel: nobody knows of it.
    assert answer == "undelivered"
    assert set(steps) >= {
        ("group", "joined"), ("decision", "first"), ("message", "firing"),
        ("attempt", "permanent"),
    }  # fmt: skip
    told = why(desk.names["a"])
    assert told.by == "team"
    Notification.objects.update(state="sent")
    assert story(desk, "a")[0] == "told"
    assert told.routes == (("All alerts",),)


def test_a_message_of_its_group_counts_as_told_only_while_it_told_of_it(desk, team):
    desk.fire("a", "b")
    desk.wait(30)
    desk.end("a")
    desk.wait(300)
    desk.fire("c")
    desk.wait(300)
    assert Notification.objects.count() == 3
    messages = [step for step in why(desk.names["a"]).steps if step.kind == "message"]
    assert [step.detail["reason"] for step in messages] == ["first", "resolved"]
    messages = [step for step in why(desk.names["c"]).steps if step.kind == "message"]
    assert [step.detail["reason"] for step in messages] == ["new"]


def test_each_reason_not_to_tell_is_the_answer(desk, team):
    (one,) = desk.fire("a")
    assert story(desk, "a")[0] == "waiting"
    acknowledge([one], "carol")
    desk.wait(30)
    told = why(one)
    assert (told.answer, told.reason) == ("held", "acknowledged")
    assert "carol" in told.by
    team.channels.clear()
    desk.fire("b", service_name="x")
    desk.wait(30)
    assert story(desk, "b")[0] == "nobody"
    desk.fire("c", service_name="y")
    desk.end("c")
    assert why(desk.names["c"]).reason == "ended_early"


def test_the_page_tells_it_within_its_budget(
    desk, team, staff_client, django_assert_max_num_queries
):
    desk.fire("<b>a</b>", severity="critical")
    page = reverse("alert-why", args=[desk.names["<b>a</b>"].pk])
    with django_assert_max_num_queries(25):
        answer = staff_client.get(page)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Not delivered yet" in text
    assert "<b>a</b>" not in text
    assert (
        page
        in staff_client.get(
            reverse("admin:alerts_episode_change", args=[desk.names["<b>a</b>"].pk])
        ).content.decode()
    )
    assert staff_client.get(reverse("alert-why", args=[uuid.uuid4()])).status_code == 404


def test_the_api_tells_the_same(desk, team, staff_client):
    (one,) = desk.fire("a", severity="critical")
    answer = staff_client.get(f"/admin/alerts/episodes/{one.pk}/why")
    told = json.loads(answer.content)
    assert (told["answer"], told["routes"]) == ("undelivered", [["All alerts"]])
    assert {step["kind"] for step in told["steps"]} == {"group", "decision", "message"}
    missing = staff_client.get("/admin/alerts/episodes/00000000-0000-0000-0000-000000000000/why")
    assert missing.status_code == 404


class TestWhoMayAskWhy(PermissionMatrix):
    permissions = ["alerts.view_episode"]

    @pytest.fixture(autouse=True)
    def one(self, desk):
        (one,) = desk.fire("a")
        self.path = f"/admin/alerts/episodes/{one.pk}/why"


def test_the_tree_shows_itself_and_answers_where_labels_lead(
    staff_client, team, root, receiver_of, hook
):
    page = reverse("routing")
    Route.objects.create(
        parent=root, name="Databases", receiver=receiver_of("dba", hook("dba")),
        stored_matchers=[{"name": "service.name", "op": "=~", "value": "db.*"}],
    )  # fmt: skip
    text = staff_client.get(page).content.decode()
    assert "Databases" in text
    assert "data-taken" not in text
    answer = staff_client.get(page, {"labels": 'service.name="db-1"'})
    assert "All alerts › Databases" in answer.content.decode()
    assert answer.content.decode().count("data-taken") == 1
    for wrong in ("nonsense", "a=~b"):
        answer = staff_client.get(page, {"labels": wrong})
        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode()


def test_a_route_is_made_by_typing_and_what_fires_is_led_anew(
    desk, staff_client, root, receiver_of, hook
):
    desk.fire("a", severity="critical")
    assert desk.said() == []
    dba = receiver_of("dba", hook("dba"))
    form = {
        "name": "Hosts", "parent": root.pk, "position": 10, "stored_matchers": 'host=~"a|b"',
        "receiver": dba.pk, "group_by": "host, severity", "enabled": "on",
    }  # fmt: skip
    address = reverse("admin:alerts_route_add")
    refused = staff_client.post(address, {**form, "stored_matchers": "host=~("})
    assert "no expression" in refused.content.decode()
    assert staff_client.post(address, form).status_code == 302
    made = Route.objects.get(name="Hosts")
    assert made.group_by == ["host", "severity"]
    assert made.group_wait_s is None
    assert Enrolment.objects.count() == 1
    desk.run()
    assert desk.said() == [("first", ["a"], [])]
    shown = staff_client.get(reverse("admin:alerts_route_change", args=[made.pk])).content.decode()
    assert "host=~&quot;a|b&quot;" in shown
    for name in ("route", "receiver", "alertgroup"):
        assert staff_client.get(reverse(f"admin:alerts_{name}_changelist")).status_code == 200
    group = reverse("admin:alerts_alertgroup_change", args=[AlertGroup.objects.get().pk])
    assert staff_client.get(group).status_code == 200
    assert (
        staff_client.post(reverse("admin:alerts_route_delete", args=[root.pk])).status_code == 403
    )


def test_a_receiver_with_nothing_in_it_is_stored_with_a_warning(staff_client):
    answer = staff_client.post(
        reverse("admin:alerts_receiver_add"), {"name": "nobody", "send_resolved": "on"}, follow=True
    )
    assert "it tells nobody" in answer.content.decode()
    assert Receiver.objects.get().name == "nobody"
