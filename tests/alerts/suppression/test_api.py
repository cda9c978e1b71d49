"""Silences and acknowledgements by API, admin and the link of a message."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.alerts import links
from apps.alerts.models import (
    Acknowledgement,
    AlertGroup,
    Cap,
    Dependency,
    GroupMember,
    Inhibition,
    MuteWindow,
    NoisyRule,
    Silence,
)
from apps.alerts.services import silences
from apps.core.models import AuditEntry
from tests.rights import PermissionMatrix

HOUR = {"duration_s": 3600}
BODY = {"matchers": ['service.name="shop"'], "comment": "planned", **HOUR}
JSON = "application/json"


class TestWhoMayListSilences(PermissionMatrix):
    path, permissions = "/admin/alerts/silences", ["alerts.view_silence"]


class TestWhoMaySilence(PermissionMatrix):
    path, method, scope, status = "/admin/alerts/silences", "POST", "operate", 201
    permissions, body = ["alerts.add_silence"], BODY


class TestWhoMayPreview(PermissionMatrix):
    path, method, body = "/admin/alerts/silences/preview", "POST", {"matchers": ["a=b"]}
    permissions = ["alerts.view_silence", "alerts.view_episode"]


class TestWhoMayEndASilence(PermissionMatrix):
    path, method, scope, status = "", "DELETE", "operate", 204
    permissions = ["alerts.change_silence"]

    def prepare(self):
        from apps.alerts.clock import db_now

        made = silences.create(silences.Wish(["a=b"], db_now() + timedelta(hours=1), "x"), "ann")
        self.path = f"/admin/alerts/silences/{made.pk}"


@pytest.mark.django_db
def test_a_silence_by_api_from_its_making_to_its_end(staff_client, make_episode):
    make_episode(service__name="shop")
    seen = staff_client.post("/admin/alerts/silences/preview", {"matchers": BODY["matchers"]}, JSON)
    assert (seen.json()["now"], seen.json()["past"], seen.json()["whole"]) == (1, 1, True)
    assert seen.json()["shown"][0]["scope"] == {"service.name": "shop"}
    made = staff_client.post("/admin/alerts/silences", BODY, JSON)
    one, where = made.json(), made["Location"]
    assert (one["state"], one["matchers"], one["replaces"]) == ("active", BODY["matchers"], None)
    later = staff_client.patch(where, {"ends_at": "2099-01-01T00:00:00Z"}, JSON)
    assert later.status_code == 400
    assert "ends_at" in later.json()["details"]
    changed = staff_client.patch(where, {"matchers": ["team=web"]}, JSON).json()
    assert changed["replaces"] == one["id"]
    assert staff_client.get(where).json()["state"] == "expired"
    assert staff_client.patch(where, {"comment": "again"}, JSON).status_code == 409
    listed = staff_client.get("/admin/alerts/silences").json()["items"]
    assert [row["id"] for row in listed] == [changed["id"]]
    assert len(staff_client.get("/admin/alerts/silences?state=all").json()["items"]) == 2
    assert staff_client.delete(f"/admin/alerts/silences/{changed['id']}").status_code == 204
    over = staff_client.get("/admin/alerts/silences?state=expired").json()["items"]
    assert {row["id"] for row in over} == {one["id"], changed["id"]}
    verbs = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"silence.create", "silence.update"} <= verbs


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "matchers": ['a=~".*"']},
        {**BODY, "matchers": ['a=~"("']},
        {**BODY, "matchers": []},
        {**BODY, "comment": ""},
        {"matchers": ["a=b"], "comment": "x"},
        {**BODY, "ends_at": "2099-01-01T00:00:00Z"},
        {**BODY, "duration_s": 10**9},
        {**BODY, "matchers": "a=b"},
        {**BODY, "starts_at": "yesterday"},
    ],
)
def test_what_makes_no_sense_is_refused(staff_client, body):
    assert staff_client.post("/admin/alerts/silences", body, JSON).status_code == 400
    assert not Silence.objects.exists()


def test_a_page_of_silences_costs_what_one_does(staff_client, db, django_assert_num_queries):
    for n in range(5):
        staff_client.post("/admin/alerts/silences", {**BODY, "matchers": [f"a=b{n}"]}, JSON)
    with django_assert_num_queries(4):  # the session, its user, the clock, the rows
        staff_client.get("/admin/alerts/silences")


def test_an_episode_is_taken_and_let_go_by_api(staff_client, make_episode):
    where = f"/admin/alerts/episodes/{make_episode().pk}/acknowledgement"
    answers = [staff_client.post(where, {"note": "on it"}, JSON).json() for _ in range(2)]
    assert [one["changed"] for one in answers] == [1, 0]
    assert staff_client.post(where, {"timeout_s": 5}, JSON).status_code == 400
    assert staff_client.delete(where).json() == {"changed": 1}
    assert staff_client.delete(where).json() == {"changed": 0}
    nobody = f"/admin/alerts/episodes/{links.UUID(int=7)}/acknowledgement"
    assert staff_client.post(nobody, {}, JSON).status_code == 404


@pytest.fixture
def link(make_episode):
    episode = make_episode(host="h1")
    path = links.ack_url(episode.pk, "ann").split("/", 3)[3]
    return episode, f"/{path}"


def test_opening_the_link_of_a_message_changes_nothing(link):
    client = Client()
    for method in ("get", "head", "options"):
        getattr(client, method)(link[1])
    page = client.get(link[1])
    assert page.status_code == 200
    assert "CPU" in page.text
    assert page["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page["Cache-Control"]
    assert not Acknowledgement.objects.exists()


def test_its_button_acknowledges_for_whom_it_was_sent_to(link):
    client = Client(enforce_csrf_checks=True)
    assert client.post(link[1]).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get(link[1]).text)[1]
    page = client.post(link[1], {"csrfmiddlewaretoken": token})
    assert "Acknowledged by ann" in page.text
    assert Acknowledgement.objects.get().by == "ann"


def test_it_may_take_the_others_of_its_group_too(link, make_episode):
    group = AlertGroup.objects.create(key="g")
    others = [make_episode(host=f"x{n}") for n in range(3)]
    for one in (link[0], *others, make_episode(state="resolved")):
        GroupMember.objects.create(group=group, episode=one, joined_at=one.started_at)
    assert "With 3 other alerts of its group" in Client().get(link[1]).text
    assert "other alert" not in Client().post(link[1], {"all": "1"}).text
    assert Acknowledgement.objects.count() == 4


def test_a_forged_or_old_link_is_a_404(link, monkeypatch):
    client = Client()
    assert client.post(f"{link[1]}x").status_code == 404
    assert client.get("/alerts/ack/nonsense").status_code == 404
    monkeypatch.setattr(links, "LASTS_S", -1)
    assert client.post(link[1]).status_code == 404
    link[0].delete()
    monkeypatch.undo()
    assert client.get(link[1]).status_code == 404
    assert not Acknowledgement.objects.exists()


@pytest.fixture
def admin(admin_client):
    def post(name, data=None, *args, follow=True):
        return admin_client.post(reverse(f"admin:alerts_{name}", args=args), data, follow=follow)

    post.get = lambda name, *args, **data: admin_client.get(
        reverse(f"admin:alerts_{name}", args=args), data
    )
    return post


def when(moment):
    return {"ends_at_0": moment.strftime("%Y-%m-%d"), "ends_at_1": moment.strftime("%H:%M:%S")}


def test_a_silence_by_form_says_what_it_mutes_and_keeps_history(admin, make_episode, now):
    episode = make_episode(host="h1")
    form = admin.get("silence_add", episode=str(episode.pk))
    assert "host=&quot;h1&quot;" in form.text
    ends = when(now + timedelta(hours=1))
    typed = {"stored_matchers": 'host="h1"', "comment": "mine", **ends}
    page = admin("silence_add", typed)
    assert "Mutes 1 open alerts" in page.text
    made = Silence.objects.get()
    assert made.created_by == "admin"
    starts = {"starts_at_0": made.starts_at.strftime("%Y-%m-%d"),
              "starts_at_1": made.starts_at.strftime("%H:%M:%S")}  # fmt: skip
    longer = {**typed, **starts, **when(now + timedelta(hours=2))}
    admin("silence_change", longer, made.pk)
    assert Silence.objects.get().ends_at > made.ends_at
    admin("silence_change", {**longer, "stored_matchers": "host=~h.*"}, made.pk)
    assert Silence.objects.count() == 2
    assert Silence.objects.exclude(pk=made.pk).get().replaces == made
    assert "Not found" not in admin.get("silence_changelist", state="expired").text
    assert admin.get("silence_change", made.pk).status_code == 200


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"stored_matchers": 'a=~".*"'}, "match every alert"),
        ({"stored_matchers": "nonsense"}, "Cannot read a matcher"),
        ({"stored_matchers": ""}, "This field is required"),
        ({"ends_at_0": "2020-01-01"}, "ends after it begins"),
    ],
)
def test_what_is_refused_is_told_beside_its_field(admin, now, typed, told):
    good = {"stored_matchers": "a=b", "comment": "x", **when(now + timedelta(hours=1))}
    assert told in admin("silence_add", {**good, **typed}).text
    assert not Silence.objects.exists()


def test_episodes_are_taken_and_silences_ended_from_their_lists(admin, make_episode, now):
    episode = make_episode()
    for name, act in (("episode", "acknowledge"), ("episode", "let_go")):
        page = admin(f"{name}_changelist", {"action": act, "_selected_action": [episode.pk]})
        assert "1 episode" in page.text
    made = silences.create(silences.Wish(["a=b"], now + timedelta(hours=1), "x"), "ann")
    admin("silence_changelist", {"action": "end_now", "_selected_action": [made.pk]})
    made.refresh_from_db()
    assert made.ended_by == "admin"
    assert admin.get("episode_change", episode.pk).status_code == 200
    for name in ("acknowledgement", "digest", "noisyrule"):
        assert admin.get(f"{name}_changelist").status_code == 200


def test_inhibitions_dependencies_windows_and_caps_have_forms(admin, make_rule):
    admin("inhibition_add", {
        "name": "downs", "stored_sources": "alertname=Down", "equal": "host",
        "stored_targets": 'severity="warning"\nteam=~"a|b"', "enabled": "on",
    })  # fmt: skip
    assert len(Inhibition.objects.get().targets) == 2
    for child, parent in (("shop", "db"), ("db", "disk")):
        admin("dependency_add", {"child": child, "parent": parent, "enabled": "on"})
    circle = admin("dependency_add", {"child": "disk", "parent": "shop", "enabled": "on"})
    assert "disk → shop → db → disk" in circle.text
    assert Dependency.objects.count() == 2
    admin("mutewindow_add", {
        "name": "nights", "zone": "Asia/Seoul", "weekdays": ["5", "6"], "from_time": "22:00",
        "until_time": "06:00", "holidays": "also", "country": "KR", "stored_matchers": "",
        "enabled": "on",
    })  # fmt: skip
    assert MuteWindow.objects.get().weekdays == [5, 6]
    admin("cap_add", {"scope": "channel", "burst": 5, "per_hour": 60, "enabled": "on"})
    assert Cap.objects.get().burst == 5
    task = NoisyRule.objects.create(rule=make_rule(), most=12)
    admin("noisyrule_changelist", {"action": "close", "_selected_action": [task.pk]})
    task.refresh_from_db()
    assert task.closed_by == "admin"
    for name in ("inhibition", "dependency", "mutewindow", "cap", "silence"):
        assert admin.get(f"{name}_changelist").status_code == 200
