"""Foreign alerts as episodes: once, for as long as they are told, and ended by time or word."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.test import Client

from apps.alerts.foreign import intake, sources
from apps.alerts.models import (
    Enrolment,
    Episode,
    EpisodeEvent,
    ForeignAlert,
    ForeignSource,
    Incident,
    Silence,
)
from apps.core.clock import db_now
from apps.core.services import apikeys
from tests.rights import PermissionMatrix

pytestmark = pytest.mark.django_db
DOWN = {"alertname": "InstanceDown", "severity": "critical", "service": "shop"}


def alert(minutes=None, **labels):
    """One as Prometheus tells it; `minutes` from now to its end."""
    now = db_now()
    told = {"labels": {**DOWN, **labels}, "startsAt": (now - timedelta(minutes=2)).isoformat()}
    if minutes is not None:
        told["endsAt"] = (now + timedelta(minutes=minutes)).isoformat()
    return {**told, "annotations": {"summary": "db1 is away"}, "generatorURL": "http://p/graph"}


class TestWhoMayTell(PermissionMatrix):
    path, method, scope = "/api/v2/alerts", "POST", "alerts"
    permissions, body = ["alerts.add_foreignalert"], [{"labels": DOWN}]


class TestWhoMaySendWebhooks(PermissionMatrix):
    path, method, scope = "/alerts/in/json", "POST", "alerts"
    permissions, body = ["alerts.add_foreignalert"], {"title": "Down"}


class TestWhoMaySilence(PermissionMatrix):
    path, method, scope = "/api/v2/silences", "POST", "operate"
    permissions = ["alerts.add_silence"]

    def prepare(self) -> None:
        now = db_now()
        self.body = {
            "matchers": [{"name": "alertname", "value": "x", "isRegex": False}],
            "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "ann", "comment": "work",
        }  # fmt: skip


@pytest.fixture
def post():
    """Posts JSON with a key that may send alerts and operate; gives status and body."""
    _, secret = apikeys.create("prometheus", ["alerts", "operate", "read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def ask(path, body):
        answer = client.post(path, json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json()

    ask.client = client
    return ask


def test_what_is_told_again_and_again_is_one_episode(django_assert_max_num_queries):
    for _ in range(3):
        assert sources.receive_prometheus([alert(4), alert(4), alert(4, host="b")]) == 2
    episodes = list(Episode.objects.all())
    assert len(episodes) == 2
    one = episodes[0]
    assert (one.state, one.severity, one.source) == ("firing", "critical", "prometheus")
    assert (one.rule, one.rule_name, one.summary) == (None, "InstanceDown", "db1 is away")
    assert one.external_url == "http://p/graph"
    assert one.fired_at - one.started_at >= timedelta(minutes=2)
    assert EpisodeEvent.objects.count() == Enrolment.objects.count() == 2
    many = [alert(4, host=str(n)) for n in range(100)]
    with django_assert_max_num_queries(11):
        sources.receive_prometheus(many)


def test_its_end_ends_the_episode_and_only_once():
    sources.receive_prometheus([alert(4)])
    for _ in range(2):
        sources.receive_prometheus([alert(-1)])
    one = Episode.objects.get()
    assert (one.state, one.end_reason) == ("resolved", "ok")
    assert [event.kind for event in one.events.all()] == ["fired", "resolved"]
    sources.receive_prometheus([alert(4)])
    assert Episode.objects.filter(state="firing").count() == 1
    assert Episode.objects.count() == 2


def test_the_end_of_what_nobody_knew_is_no_episode():
    sources.receive_prometheus([alert(-1)])
    assert not Episode.objects.exists()
    assert not Enrolment.objects.exists()


def test_what_is_not_told_again_ends_by_time_and_says_so():
    sources.receive_prometheus([alert(4), alert(None, host="untimed"), alert(60, host="long")])
    assert intake.end_due() == 0
    ForeignAlert.objects.update(ends_at=F("ends_at") - timedelta(minutes=10))
    assert intake.end_due() == 2
    assert intake.end_due() == 0
    ended = Episode.objects.filter(state="resolved")
    assert {one.end_reason for one in ended} == {"ok", "missing_series"}
    assert Episode.objects.get(state="firing").labels["host"] == "long"
    ForeignAlert.objects.update(updated_at=db_now() - timedelta(days=2))
    assert intake.prune() == 2
    assert ForeignAlert.objects.count() == 1


def test_a_clock_that_runs_ahead_moves_nothing_into_the_future():
    ahead = {**alert(), "startsAt": (db_now() + timedelta(hours=5)).isoformat()}
    sources.receive_prometheus([ahead])
    one = Episode.objects.get()
    assert one.started_at <= db_now()
    assert ForeignAlert.objects.get().ends_at <= db_now() + sources.RESOLVE_TIMEOUT


def test_newer_annotations_count(post):
    sources.receive_prometheus([alert(4)])
    sources.receive_prometheus([{**alert(4), "annotations": {"summary": "still away"}}])
    assert Episode.objects.get().summary == "still away"
    assert ForeignAlert.objects.get().annotations == {"summary": "still away"}


@pytest.mark.django_db(transaction=True)
def test_two_that_tell_the_same_at_once_make_one_episode_each():
    batch = [alert(4, host=str(n)) for n in range(40)]

    def tell(order):
        try:
            return sources.receive_prometheus(batch[::order])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(tell, [1, -1] * 3)) == {40}
    assert Episode.objects.count() == EpisodeEvent.objects.count() == 40


def test_the_webhook_of_alertmanager(post):
    body = {
        "version": "4", "groupKey": "{}", "status": "firing", "receiver": "pharos",
        "alerts": [{**alert(-1), "status": "firing"}, {**alert(4, host="b"), "status": "firing"}],
    }  # fmt: skip
    assert post("/alerts/in/alertmanager", body) == (200, {"alerts": 2})
    assert Episode.objects.filter(state="firing", source="alertmanager").count() == 2
    body["alerts"] = [{**alert(-1), "status": "resolved"}]
    assert post("/alerts/in/alertmanager", body)[0] == 200
    assert Episode.objects.filter(state="resolved").count() == 1
    # No end is told while it fires, and hours may pass until the next telling.
    assert ForeignAlert.objects.get(episode__isnull=False).ends_at > db_now() + timedelta(hours=20)


def test_a_source_of_its_own_opens_an_incident(post):
    ForeignSource.objects.create(
        key="icinga", name="Icinga", format="json", opens_incident=True,
        mapping={"title": "check", "severity": "level", "labels": {"service.name": "app"}},
    )  # fmt: skip
    body = {"check": "Disk", "level": "critical", "app": "shop"}
    assert post("/alerts/in/icinga", [body, {**body, "app": "pay"}])[0] == 200
    incident = Incident.objects.get()
    assert (incident.title, incident.services) == ("Disk", ["pay", "shop"])
    over = [{**body, "status": "ok"}, {**body, "app": "pay", "status": "ok"}]
    assert post("/alerts/in/icinga", over)[0] == 200
    incident.refresh_from_db()
    assert incident.status == "resolved"
    ForeignSource.objects.update(enabled=False)
    assert post("/alerts/in/icinga", body)[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v2/alerts", {}), ("/api/v2/alerts", "x"), ("/api/v2/alerts", [{}]),
        ("/api/v2/alerts", [{"labels": {"a": 1}}]), ("/api/v2/alerts", [None]),
        ("/api/v2/alerts", [{"labels": {str(n): "x" for n in range(100_000)}}]),
        ("/alerts/in/alertmanager", {"version": "3"}), ("/alerts/in/alertmanager", []),
        ("/alerts/in/alertmanager", {"version": "4", "alerts": 7}),
        ("/alerts/in/json", {"no": "title"}), ("/alerts/in/json", 7),
        ("/api/v2/silences", {}), ("/api/v2/silences", {"matchers": []}),
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_with_what_is_wrong(post, path, body):
    status, told = post(path, body)
    assert (status, told["error"]) == (400, "invalid_input")
    assert told["message"]
    assert not Episode.objects.exists()


def test_good_alerts_are_kept_beside_a_bad_one(post):
    status, told = post("/api/v2/alerts", [alert(4), {"labels": {"a": 1}}])
    assert (status, told["details"]["refused"]) == (400, 1)
    assert "[1].labels.a" in told["message"]
    assert Episode.objects.count() == 1
    assert post("/alerts/in/nobody", {})[0] == 404


def test_who_may_make_silences_may_not_change_those_of_others():
    now = db_now()
    silence = Silence.objects.create(
        stored_matchers=[{"name": "a", "op": "=", "value": "b"}], starts_at=now,
        ends_at=now + timedelta(hours=1), comment="work", created_by="ann",
    )  # fmt: skip
    wish = {
        "id": str(silence.pk), "matchers": [{"name": "a", "value": "b", "isRegex": False}],
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=9)).isoformat(),
        "createdBy": "bob", "comment": "work",
    }  # fmt: skip
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="add_silence"))
    client = Client()
    client.force_login(bob)
    answer = client.post("/api/v2/silences", json.dumps(wish), content_type="application/json")
    assert answer.status_code == 403


def test_it_answers_as_alertmanager_does(post):
    sources.receive_prometheus([alert(4), alert(4, alertname="Other", severity="info")])
    now = db_now()
    wish = {
        "matchers": [{"name": "alertname", "value": "Instance.+", "isRegex": True}],
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ann", "comment": "work",
    }  # fmt: skip
    status, told = post("/api/v2/silences", wish)
    assert status == 200
    key = told["silenceID"]
    assert Silence.objects.get().created_by == "ann (key:prometheus)"
    get = post.client.get
    found = {one["labels"]["alertname"]: one for one in get("/api/v2/alerts").json()}
    assert found["InstanceDown"]["status"] == {
        "state": "suppressed", "silencedBy": [key], "inhibitedBy": [],
    }  # fmt: skip
    assert found["Other"]["status"]["state"] == "active"
    assert found["Other"]["annotations"] == {"summary": "db1 is away"}
    assert len(get("/api/v2/alerts?silenced=false").json()) == 1
    assert len(get('/api/v2/alerts?filter=alertname="Other"').json()) == 1
    assert get("/api/v2/alerts?filter=%7B%7D%7B").status_code == 400
    assert [one["id"] for one in get("/api/v2/silences").json()] == [key]
    assert get(f"/api/v2/silence/{key}").json()["matchers"][0]["isRegex"] is True
    begun = get(f"/api/v2/silence/{key}").json()["startsAt"]
    later = (now + timedelta(hours=2)).isoformat()
    longer = {**wish, "id": key, "startsAt": begun, "endsAt": later}
    assert post("/api/v2/silences", longer)[1] == {"silenceID": key}
    assert post("/api/v2/silences", {**wish, "id": "x"})[0] == 404
    all_of_them = {**wish, "matchers": [{"name": "a", "value": ".*", "isRegex": True}]}
    status, told = post("/api/v2/silences", all_of_them)
    assert (status, told["error"]) == (400, "invalid_input")
    assert post.client.delete(f"/api/v2/silence/{key}").status_code == 200
    assert get(f"/api/v2/silence/{key}").json()["status"]["state"] == "expired"
    assert get(f"/api/v2/silence/{'0' * 8}-0000-4000-8000-{'0' * 12}").status_code == 404
    assert get("/api/v2/status").json()["cluster"]["status"] == "disabled"
    assert Client().get("/-/ready").content == b"OK"
