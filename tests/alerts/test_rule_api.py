"""Rules set by programs: made once by name, changed, refused, restored, deleted, test-fired."""

import json
import threading
import time

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import translation

from apps.alerts import conf
from apps.alerts.delivery import wording
from apps.alerts.evaluation import batch
from apps.alerts.evaluation.observed import Observed
from apps.alerts.models import (
    Channel,
    Episode,
    EscalationPolicy,
    MuteWindow,
    Notification,
    Receiver,
    Route,
    Rule,
    RuleVersion,
    Team,
    Tick,
)
from apps.alerts.services import channels, rulebook
from apps.core.errors import ConflictError
from apps.core.services import apikeys
from apps.monitoring.queries.catalogue import MetricInfo
from tests.alerts.conftest import T0
from tests.alerts.escalating import person, policy, webhook
from tests.rights import PermissionMatrix

RULES = "/admin/alerts/rule"
KNOWN = [
    MetricInfo("celery.queue.age", "s", "gauge", 1),
    MetricInfo("http.server.request.duration", "s", "histogram", 9),
    MetricInfo("cache.requests", "{request}", "sum", 4),
]
BODY = {
    "name": "Queue too old", "metric": "celery.queue.age",
    "severities": {"warning": {"at": 30, "clear": 20}, "critical": 60}, "for_s": 30,
}  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


@pytest.fixture(autouse=True)
def store(monkeypatch, no_rules) -> list:
    """A catalogue without a store behind it; what a probe sees is `found`."""
    found: list = []
    monkeypatch.setattr(
        "apps.alerts.services.metrics.catalogue",
        lambda prefix="", limit=100: [i for i in KNOWN if i.name.startswith(prefix)][:limit],
    )
    monkeypatch.setattr(rulebook, "probe", lambda _rule: found)
    return found


@pytest.fixture
def call():
    _, secret = apikeys.create("ci", ["operate", "read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def run(method: str, path: str, body=None):
        sent = "" if body is None else json.dumps(body)
        answer = client.generic(method, RULES + path, sent, content_type="application/json")
        return answer.status_code, answer.json() if answer.content else None

    return run


def test_a_rule_is_made_once_by_its_name_and_the_same_call_changes_nothing(call):
    status, made = call("POST", "", BODY)
    assert (status, made["version"], made["previous"]) == (201, 1, None)
    shown = made["rule"]
    assert (shown["warning"], shown["clear_warning"], shown["critical"]) == (30, 20, 60)
    assert (shown["aggregation"], shown["condition"], shown["for_s"]) == ("avg", "threshold", 30)
    assert call("POST", "", BODY)[0] == 200
    assert call("POST", "", BODY)[1]["version"] == 1
    status, changed = call("POST", "", {**BODY, "for_s": 60})
    assert (status, changed["version"], changed["previous"]["for_s"]) == (200, 2, 30)
    assert Rule.objects.count() == 1
    assert call("GET", "")[1]["items"][0]["name"] == "Queue too old"


def test_a_query_a_condition_and_channels_are_taken_as_they_are_named(call):
    body = {
        "name": "Hit rate", "severities": {"warning": -5}, "message": "{{ value }} points",
        "query": {
            "metric": "cache.requests", "by": ["cache.alias"], "window_s": 300,
            "numerator_scope": {"cache.state": "hit"}, "remainder_scope": {"cache.state": "miss"},
        },
        "condition": {"kind": "change", "of": "points", "direction": "below"},
        "channels": [{"kind": "webhook", "url": "https://hooks.example.com/x"}],
    }  # fmt: skip
    status, made = call("POST", "", body)
    assert status == 201, made
    rule = Rule.objects.get()
    assert (rule.aggregation, rule.condition, rule.config) == ("ratio", "change", {"of": "points"})
    assert (rule.direction, rule.by, rule.channels.count()) == ("below", ["cache.alias"], 1)


def test_a_log_rule_needs_no_metric(call):
    body = {
        "name": "Errors", "condition": {"kind": "log", "level": "error", "text": "timeout"},
        "severities": {"critical": {"at": 10, "inclusive": True}},
        "query": {"by": ["service.name"], "window_s": 300},
    }  # fmt: skip
    assert call("POST", "", body)[0] == 201
    rule = Rule.objects.get()
    assert (rule.metric, rule.config) == ("logs", {"level": "error", "text": "timeout"})
    assert rule.critical_inclusive


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"metric": "celery.queue.aeg"}, "celery.queue.age"),
        ({"metric": ""}, "blank"),
        ({"severities": {}}, "Give a warning"),
        ({"severities": {"warning": {"at": 30, "clear": 31}}}, "harder than its trigger"),
        ({"severities": {"warning": {"att": 30}}}, "threshold is a number"),
        ({"severities": {"warning": True}}, "valid number"),
        ({"severities": {"warning": "many"}}, "valid number"),
        ({"message": "{{ nobody }}"}, "There is no nobody"),
        ({"condition": "magic"}, "A condition is one of"),
        ({"condition": {"kind": "change", "of": "apples"}}, "of is one of"),
        ({"condition": {"kind": ["log"]}}, "A condition is one of"),
        ({"condition": {"direction": "sideways"}}, "above or below"),
        ({"query": {"scope": {"": "x"}}}, "needs a name"),
        ({"query": {"by": ["a"] * 9}}, "8"),
        ({"for_s": -1}, "greater"),
        ({"runbook": "javascript:alert(1)"}, "valid URL"),
    ],
)
def test_what_makes_no_sense_is_a_400_that_names_the_mend(call, change, word):
    status, told = call("POST", "", {**BODY, **change})
    assert (status, told["error"]) == (400, "invalid_input")
    assert word in json.dumps(told, ensure_ascii=False)
    assert not Rule.objects.exists()


def test_a_metric_never_seen_can_be_forced_and_one_rule_be_patched_and_deleted(call):
    status, made = call("POST", "", {**BODY, "metric": "soon.there", "force": True})
    assert status == 201
    path = f"/{made['id']}"
    status, told = call("PATCH", path, {"severities": {"warning": None, "critical": 50}})
    assert (status, told["rule"]["warning"], told["rule"]["critical"]) == (200, None, 50)
    assert call("PATCH", path, {"metric": "nowhere"})[0] == 400
    assert [v["version"] for v in call("GET", f"{path}/versions")[1]["items"]] == [2, 1]
    status, told = call("POST", f"{path}/restore", {"version": 1})
    assert (status, told["version"], told["rule"]["warning"]) == (200, 3, 30)
    assert call("POST", f"{path}/restore", {"version": 9})[0] == 404
    assert call("GET", path)[1]["critical"] == 60
    assert call("DELETE", path)[0] == 204
    assert [call(method, path)[0] for method in ("GET", "PATCH", "DELETE")] == [404, 404, 404]
    assert RuleVersion.objects.latest("pk").after is None


def test_of_two_rules_with_one_name_neither_is_guessed(call, make_rule):
    make_rule(name="Twin")
    make_rule(name="Twin")
    Rule.objects.update(name="Twin")
    assert call("POST", "", {**BODY, "name": "Twin"})[0] == 409


def test_a_test_fire_tells_the_receivers_and_leaves_no_alert(call, make_rule, channel):
    rule = make_rule(channel, message="CPU at {{ value | percent }}")
    status, told = call("POST", f"/{rule.pk}/test")
    assert (status, told["receivers"]) == (202, [channel.name])
    row = Notification.objects.get()
    assert (row.purpose, row.payload["test"], row.payload["scope"]) == ("test", True, {})
    assert row.payload["rule"]["summary"] == "CPU at –"
    assert row.payload["url"].endswith(f"/admin/alerts/rule/{rule.pk}/change/")
    assert not Episode.objects.exists()
    Channel.objects.update(enabled=False)
    status, told = call("POST", f"/{rule.pk}/test")
    assert (status, told["error"]) == (409, "conflict")


def test_a_test_fire_tells_whom_the_policy_would_page_first(call, make_rule):
    rule = make_rule()
    rule.policy = policy({"kind": "user", "person": person("ann")})
    rule.save()
    status, told = call("POST", f"/{rule.pk}/test")
    assert (status, told["receivers"], told["ways"][-1]["why"]) == (202, [], "not_asked")
    assert told["ways"][-1]["channels"] == ["ann"]
    status, told = call("POST", f"/{rule.pk}/test", {"escalate": True})
    assert (status, told["receivers"]) == (202, ["ann"])
    assert Notification.objects.get().person == rule.policy.steps.get().person


def test_a_test_fire_is_held_back_like_an_alert_and_says_by_what(call, make_rule, channel, store):
    root, _ = Route.objects.get_or_create(parent=None, defaults={"name": "All"})
    quiet = Receiver.objects.create(name="quiet")
    quiet.channels.set([webhook("quiet")])
    Route.objects.filter(pk=root.pk).update(receiver=quiet)
    MuteWindow.objects.create(name="Always").routes.set([root])
    rule = make_rule(channel)
    store.append(Observed({"host": "a"}, 0.85))
    status, told = call("POST", f"/{rule.pk}/test", {"severity": "warning"})
    assert (status, told["receivers"]) == (202, [channel.name])
    assert (told["value"], told["series"], told["verdict"]) == (0.85, 1, "warning")
    own, routed = told["ways"]
    assert (own["via"], own["why"]) == ("rule", "")
    assert (routed["receiver"], routed["why"], routed["channels"]) == ("quiet", "muted", ["quiet"])
    row = Notification.objects.get()
    with translation.override("en"):
        words = wording.context(row.payload)
    assert words["title"] == "[TEST] [Warning] CPU (host=a)"
    assert "Warning: system.cpu.utilization (avg) = 0.85" in wording.text(words)
    assert call("POST", f"/{rule.pk}/test", {"severity": "awful"})[0] == 400


def test_a_test_fire_floods_nobody(call, make_rule, channel):
    rule = make_rule(channel)
    answers = [call("POST", f"/{rule.pk}/test")[0] for _ in range(conf.MOST_TESTS + 1)]
    assert answers == [202] * conf.MOST_TESTS + [409]
    assert Notification.objects.count() == conf.MOST_TESTS
    rule.channels.add(webhook("other"))
    status, told = call("POST", f"/{rule.pk}/test")
    assert (status, told["receivers"]) == (202, ["other"])
    with pytest.raises(ConflictError):
        channels.send_test(channel)  # its page's button counts with them


OWN = [
    {"team": "Shop"},
    {"after_s": 60, "declare": True},
    {"after_s": 120, "channel": {"kind": "webhook", "url": "https://hooks.example.com/last"}},
]


def test_a_rule_brings_its_own_escalation_which_lives_and_ends_with_it(call):
    Team.objects.create(name="Shop").members.add(person("ann"))
    body = {**BODY, "escalation": OWN}
    status, made = call("POST", "", body)
    assert status == 201, made
    policy_now = Rule.objects.get().policy
    last = Channel.objects.get(target_hash=policy_now.catch_all.target_hash)
    shown = [
        {"after_s": 0, "team": "Shop"},
        {"after_s": 60, "declare": True},
        {"after_s": 120, "channel": last.pk, "name": last.name},
    ]
    path = f"/{made['id']}"
    assert made["rule"]["escalation"] == shown == call("GET", path)[1]["escalation"]
    kinds = policy_now.steps.order_by("position").values_list("kind", "wait_s")
    assert list(kinds) == [("team", 60), ("declare", 300), ("wait", 120), ("channel", 300)]
    # What is shown can be sent back: it is the same escalation, and no new version.
    assert call("POST", "", {**body, "escalation": shown})[1]["version"] == 1
    status, told = call("PATCH", path, {"escalation": OWN[:1], "name": "Queue older"})
    assert status == 400  # at its end there is nobody who cannot be off duty
    assert "name one in a step" in told["message"]
    status, told = call("PATCH", path, {"escalation": shown[:1] + shown[2:], "name": "Older"})
    assert (status, told["version"], told["rule"]["escalation"][1]["after_s"]) == (200, 2, 120)
    policy_now.refresh_from_db()
    assert policy_now.name == f"#{made['id']} Older"
    status, told = call("POST", f"{path}/restore", {"version": 1})
    assert (status, told["rule"]["escalation"]) == (200, shown)
    shared = policy({"kind": "user", "person": person("bob")})
    assert call("PATCH", path, {"escalation": "Payments"})[1]["rule"]["escalation"] == "Payments"
    assert list(EscalationPolicy.objects.all()) == [shared]
    assert call("POST", f"{path}/restore", {"version": 3})[1]["rule"]["escalation"] == shown
    assert call("PATCH", path, {"escalation": None})[1]["rule"]["escalation"] is None
    assert call("POST", f"{path}/restore", {"version": 4})[1]["rule"]["escalation"] == "Payments"
    assert call("PATCH", path, {"escalation": shown})[1]["rule"]["escalation"] == shown
    assert EscalationPolicy.objects.count() == 2
    assert call("DELETE", path)[0] == 204
    assert list(EscalationPolicy.objects.all()) == [shared]


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        ([], "1 to 20 steps"), ([{}], "escalation.0: A step names one of"),
        ([{"team": "Shop", "person": "ann"}], "escalation.0: A step names one of"),
        ([{"channel": "x"}, {"after_s": -1, "team": "T"}], "escalation.1.after_s"),
        ([{"team": "Nobody"}], "escalation.0: There is no team named 'Nobody'"),
        ([{"channel": 999999}], "escalation.0: There is no channel named 999999"),
        ([{"channel": {"kind": "pigeon"}}], "escalation.0.channel.kind"),
        ([{"team": "a\0b"}], "escalation.0.team"), ("", "blank"),
        ([{"repeat": 9}], "escalation.0.repeat"), ([{"declare": True}], "ends with a channel"),
        ("Payments", "No escalation policy is called"), (7, "the name of a policy"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_is_refused_by_its_number(call, steps, word):
    status, told = call("POST", "", {**BODY, "escalation": steps})
    assert status == 400
    assert word in told["message"]
    assert "escalation" in told["details"]["fields"]
    assert not Rule.objects.exists()


def test_the_list_of_rules_costs_the_same_however_many(
    staff_client, make_rule, django_assert_max_num_queries
):
    for number in range(5):
        make_rule(name=f"R{number}", last_tick=T0)
    with django_assert_max_num_queries(4):
        assert len(staff_client.get(RULES).json()["items"]) == 5


class TestWhoMayReadRules(PermissionMatrix):
    path, permissions = RULES, ["alerts.view_rule"]


class TestWhoMaySetRules(PermissionMatrix):
    path, method, scope = RULES, "POST", "operate"
    permissions = ["alerts.add_rule", "alerts.change_rule", "alerts.add_channel"]
    body = BODY
    # Made by whoever comes first of the matrix; the same call is then no change.
    status = 200

    def prepare(self) -> None:
        Rule.objects.get_or_create(name=BODY["name"], metric="celery.queue.age", warning=1)


class TestWhoMayTestFireRules(PermissionMatrix):
    method, scope, status = "POST", "operate", 409
    permissions = ["alerts.change_rule"]

    def prepare(self) -> None:
        rule, _ = Rule.objects.get_or_create(name="Mute", metric="m", warning=1)
        self.path = f"{RULES}/{rule.pk}/test"


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_is_being_judged_is_deleted_after_its_tick():
    rule = Rule.objects.create(name="r", metric="m", warning=1)
    failed: list[DatabaseError] = []

    def delete() -> None:
        try:
            rulebook.remove(rule.pk, "me")
        except DatabaseError as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=delete)
    with transaction.atomic(), connection.cursor() as cursor:
        assert batch.lock(Rule.objects.filter(pk=rule.pk), 1) == [rule]
        thread.start()
        give_up = time.monotonic() + 60
        waits = False
        while not waits and time.monotonic() < give_up:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            waits = cursor.fetchone()[0]
        Tick.objects.create(rule=rule, tick=Now())
    thread.join(60)
    assert (failed, Rule.objects.exists(), Tick.objects.exists()) == ([], False, False)
