"""The incident API: who may, what it takes, and that asking twice makes one."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.alerts import incidents
from apps.alerts.incidents import postmortem, work
from apps.alerts.models import Channel, Incident, Notification, PostMortem
from apps.core.clock import db_now
from apps.core.services import apikeys
from apps.monitoring.models import Deployment
from tests.rights import PermissionMatrix

NEW = {"title": "Checkout is down", "severity": "critical"}


class TestWhoMayList(PermissionMatrix):
    path, permissions = "/admin/incidents", ["alerts.view_incident"]


class TestWhoMayOpen(PermissionMatrix):
    path, method, scope = "/admin/incidents/create", "POST", "operate"
    permissions, body, status = ["alerts.add_incident"], NEW, 201


class TestWhoMayMove(PermissionMatrix):
    method, scope, permissions = "POST", "operate", ["alerts.change_incident"]
    body = {"status": "investigating"}

    def prepare(self) -> None:
        number = Incident.objects.count()
        row = incidents.declare(f"k{number}", "Down", "major", by="ann")
        self.path = f"/admin/incidents/{row.pk}/status"


class TestWhoMayWritePostMortems(PermissionMatrix):
    method, scope, status = "POST", "operate", 201
    permissions = ["alerts.view_incident", "alerts.change_postmortem"]
    body = {"text": "It was the disk."}

    def prepare(self) -> None:
        row = incidents.declare("k", "Down", "major", by="ann")
        self.path = f"/admin/incidents/{row.pk}/postmortem"


@pytest.fixture
def api(staff_client):
    """Asks the incident API; gives status and body."""

    def ask(method, path="", body=None, **headers):
        answer = staff_client.generic(
            method, f"/admin/incidents{path}", "" if body is None else json.dumps(body),
            content_type="application/json", headers=headers,
        )  # fmt: skip
        return answer.status_code, answer.json()

    return ask


def test_the_same_idempotency_key_gives_back_the_same_incident(api):
    key = {"Idempotency-Key": "deploy-17"}
    status, first = api("POST", "/create", NEW, **key)
    assert status == 201
    incidents.move(Incident.objects.get(), "resolved", "ann")
    status, again = api("POST", "/create", NEW, **key)
    assert (status, again["id"], again["status"]) == (200, first["id"], "resolved")
    status, other = api("POST", "/create", NEW)
    assert (status, other["id"] != first["id"]) == (201, True)
    assert api("POST", "/create", NEW, **{"Idempotency-Key": "x" * 300})[0] == 400


def test_the_key_of_a_group_is_one_incident_while_it_lasts(api, make_episode):
    episode = make_episode()
    body = {**NEW, "key": "group:9", "episodes": [str(episode.pk)]}
    assert api("POST", "/create", body)[0] == 201
    status, again = api("POST", "/create", body)
    assert (status, again["services"]) == (200, ["shop"])


@pytest.mark.parametrize(
    "body",
    [
        {}, {"title": "x"}, {**NEW, "severity": "awful"}, {**NEW, "title": ""}, {**NEW, "title": 7},
        {**NEW, "episodes": ["x"]}, {**NEW, "started_at": "soon"}, [],
        {**NEW, "episodes": ["00000000-0000-0000-0000-000000000009"]},
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_with_the_reason(api, body):
    status, told = api("POST", "/create", body)
    assert (status, told["error"]) == (400, "invalid_input")
    assert not Incident.objects.exists()


def test_a_whole_incident_from_declaring_to_what_was_learned(
    api, make_episode, staff, django_assert_max_num_queries
):
    episode = make_episode()
    channel = Channel.objects.create(name="#ops", kind="webhook", target_hash="x", hint="h")
    Notification.objects.create(
        key="k", episode=episode, channel=channel, kind="webhook", purpose="firing", payload={},
        state="sent", sent_at=db_now(),
    )  # fmt: skip
    Deployment.objects.create(service="shop", version="2.1", at=db_now() - timedelta(minutes=9))
    number = api("POST", "/create", {**NEW, "episodes": [str(episode.pk)]})[1]["id"]
    at = f"/{number}"
    assert api("POST", f"{at}/roles", {"role": "commander", "person": staff.username})[0] == 200
    assert api("POST", f"{at}/roles", {"role": "scribe", "person": "nobody"})[0] == 400
    assert api("POST", f"{at}/comments", {"text": "*Look* at [this](x)"})[0] == 201
    task = api("POST", f"{at}/tasks", {"text": "Roll back", "person": staff.username})[1]
    later = api("POST", f"{at}/tasks", {"text": "Add a canary", "afterwards": True})[1]
    assert api("POST", f"{at}/tasks/{task['id']}/settle", {"state": "done"})[0] == 200
    assert api("POST", f"{at}/tasks/{task['id']}/settle", {"state": "done"})[0] == 409
    link = {"kind": "trace", "ref": "a" * 32}
    assert [api("POST", f"{at}/links", link)[0] for _ in range(2)] == [201, 201]
    assert api("POST", f"{at}/links", {"kind": "page", "ref": "javascript:alert(1)"})[0] == 400
    assert api("PATCH", at, {"summary": "Version 2.1 loses carts."})[0] == 200
    assert (
        api("POST", f"{at}/status", {"status": "identified", "text": "2.1", "version": 99})[0]
        == 409
    )
    for status in ("identified", "monitoring", "resolved"):
        assert api("POST", f"{at}/status", {"status": status})[0] == 200
    status, refused = api("POST", f"{at}/status", {"status": "monitoring"})
    assert (status, refused["error"]) == (409, "conflict")
    assert "closed, investigating" in refused["message"]

    with django_assert_max_num_queries(12):
        whole = api("GET", at)[1]
    assert whole["roles"][0]["person"] == staff.username
    assert [one["state"] for one in whole["tasks"]] == ["done", "todo"]
    assert len(whole["links"]) == 1
    assert whole["next_statuses"] == ["closed", "investigating"]
    assert whole["figures"]["to_resolve_s"] >= whole["figures"]["to_acknowledge_s"] >= 60
    assert whole["figures"]["to_detect_s"] == pytest.approx(120)

    with django_assert_max_num_queries(10):
        items = api("GET", f"{at}/timeline")[1]["items"]
    assert [one["at"] for one in items] == sorted(one["at"] for one in items)
    assert items[0]["origin"] == "deployment"
    assert {one["origin"] for one in items} == {"deployment", "alert", "incident", "notification"}
    assert [one["kind"] for one in items if one["origin"] == "incident"] == [
        "declared", "episodes_linked", "role", "comment", "task", "task", "task_done", "link",
        "summary", "status", "status", "status",
    ]  # fmt: skip

    status, draft = api("GET", f"{at}/postmortem")
    assert (status, draft["version"]) == (200, 0)
    for told in (
        "Version 2.1 loses carts.", "HIGH\\_ERROR\\_RATE", "\\#ops: Firing", "shop 2.1",
        "[x] Roll back (staff)", "[ ] Add a canary", "\\*Look\\* at \\[this\\](x)",
    ):  # fmt: skip
        assert told in draft["text"], told
    status, kept = api("POST", f"{at}/postmortem", {})
    assert (status, kept["version"], kept["generated"]) == (201, 1, True)
    changed = {"text": "Better words", "version": 1}
    assert api("POST", f"{at}/postmortem", changed)[1]["version"] == 2
    assert api("POST", f"{at}/postmortem", changed)[0] == 409
    assert api("GET", f"{at}/postmortem")[1]["text"] == "Better words"
    assert PostMortem.objects.count() == 2
    assert later["afterwards"] is True
    means = api("GET", "/figures?days=7")[1]["items"]
    assert [row["service"] for row in means] == ["", "shop"]
    assert means[1]["to_resolve_s"] == pytest.approx(whole["figures"]["to_resolve_s"])


def test_duplicates_become_part_of_the_first(api, make_incident, make_episode, staff):
    first = make_incident(make_episode())
    second = make_incident(make_episode(labels={"service.name": "pay"}), key="second")
    work.link(second, "trace", "b" * 32, "ann")
    work.add_task(second, "Look", "ann")
    status, into = api("POST", f"/{second.pk}/merge", {"into": first.pk})
    assert (status, into["id"], into["services"]) == (200, first.pk, ["pay", "shop"])
    second.refresh_from_db()
    assert (second.status, second.merged_into_id) == ("closed", first.pk)
    assert (first.episodes.count(), first.links.count(), first.tasks.count()) == (2, 1, 1)
    assert api("POST", f"/{second.pk}/status", {"status": "investigating"})[0] == 409
    assert api("POST", f"/{first.pk}/merge", {"into": first.pk})[0] == 400
    assert api("POST", f"/{first.pk}/merge", {"into": second.pk})[0] == 409
    # Its key leads to the one it became part of.
    assert incidents.declare("second", "Down", "minor", by="ann").pk == first.pk


def test_the_list_is_filtered_and_costs_one_query(
    api, make_incident, make_episode, staff_client, django_assert_num_queries
):
    make_incident(make_episode())
    over = make_incident(title="Search is slow", severity="minor")
    incidents.move(over, "resolved", "ann")
    with django_assert_num_queries(3):
        assert staff_client.get("/admin/incidents").json()["items"][0]["title"] == NEW["title"]
    for query, count in (
        ("status=all", 2), ("status=resolved", 1), ("status=all&severity=minor", 1),
        ("service=shop", 1), ("service=pay", 0), ("status=all&text=SLOW", 1),
    ):  # fmt: skip
        assert len(api("GET", f"?{query}")[1]["items"]) == count, query
    assert api("GET", "?status=odd")[0] == 400
    assert api("GET", "/999999")[0] == 404


def test_programs_are_named_in_the_log(db):
    _, secret = apikeys.create("ci", ["operate"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    client.post("/admin/incidents/create", json.dumps(NEW), content_type="application/json")
    assert Incident.objects.get().log.first().actor == "key:ci"


def test_a_role_is_given_to_one_person_at_a_time(make_incident, staff):
    incident, bob = make_incident(), User.objects.create_user("bob", is_staff=True)
    for person in (staff, bob, None, None):
        work.give_role(incident, "commander", person, "ann")
    told = [row.detail["person"] for row in incident.log.filter(kind="role")]
    assert told == ["staff", "bob", None]


def test_a_draft_of_nothing_but_a_title_says_what_is_not_known(make_incident):
    text = postmortem.draft(make_incident(title="A | b"))
    assert "A \\| b" in text
    assert "No message was sent." in text
    assert "not known" in text
