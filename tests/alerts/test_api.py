"""The two addresses: who may call them, what they take, what they answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from apps.alerts.models import Channel, Episode, Rule, RuleVersion
from apps.core.services import apikeys
from apps.monitoring.queries.catalogue import MetricInfo
from tests.alerts.conftest import T0
from tests.rights import PermissionMatrix

ALERTS, THRESHOLD = "/admin/monitoring/alerts", "/admin/monitoring/threshold"
KNOWN = [
    MetricInfo("celery.queue.age", "s", "gauge", 1),
    MetricInfo("http.server.request.duration", "s", "histogram", 9),
    MetricInfo("cache.requests", "{request}", "sum", 4),
    MetricInfo("system.cpu.utilization", "1", "gauge", 1),
]
BODY = {
    "metric": "celery.queue.age",
    "direction": "above",
    "warning": 30,
    "critical": 60,
    "for_s": 30,
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def catalogue(monkeypatch) -> None:
    monkeypatch.setattr(
        "apps.alerts.services.metrics.catalogue",
        lambda prefix="", limit=100: [i for i in KNOWN if i.name.startswith(prefix)][:limit],
    )


@pytest.fixture
def bearer():
    def make(*scopes: str) -> dict[str, str]:
        _, secret = apikeys.create("ci", scopes)
        return {"Authorization": f"Bearer {secret}"}

    return make


def post(client: Client, body, **kwargs):
    return client.post(THRESHOLD, json.dumps(body), content_type="application/json", **kwargs)


@pytest.fixture
def operator(bearer, no_rules):
    """Posts a body with a key that may operate."""
    client, headers = Client(), bearer("operate")
    return lambda body: post(client, body, headers=headers)


def make_episode(number: int = 0, **fields) -> Episode:
    values = {
        "rule_name": f"rule {number}", "fingerprint": str(number), "labels": {"host": "a"},
        "metric": "m", "direction": "above", "state": "firing", "severity": "warning",
        "value": 1.5, "threshold": 1.0, "started_at": T0, "updated_at": T0, **fields,
    }  # fmt: skip
    return Episode.objects.create(**values)


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [
        ((), 401, 401), (("read",), 200, 403), (("operate",), 403, 200), (("ingest",), 403, 403),
        (("read", "operate"), 200, 200),
    ],
)  # fmt: skip
def test_a_key_may_do_what_its_scopes_say(client, bearer, scopes, read, write):
    headers = bearer(*scopes) if scopes else {}
    assert client.get(ALERTS, headers=headers).status_code == read
    assert post(client, BODY, headers=headers).status_code == write


@pytest.mark.parametrize(
    ("staff", "permissions", "read", "write"),
    [
        (False, [], 403, 403),
        (True, [], 403, 403),
        (True, ["view_episode"], 200, 403),
        (True, ["add_rule", "change_rule", "add_channel"], 403, 200),
    ],
)
def test_a_person_needs_staff_and_the_permissions(client, staff, permissions, read, write):
    user = User.objects.create_user("ann", password="x", is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    assert client.get(ALERTS).status_code == read
    assert post(client, BODY).status_code == write


def test_a_session_needs_its_csrf_token(staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    assert post(client, BODY).status_code == 403
    assert not RuleVersion.objects.filter(actor="staff").exists()


def test_a_threshold_makes_a_rule_and_the_same_call_changes_it(operator):
    first = operator(BODY).json()
    assert first == {"id": first["id"], "version": 1, "previous": None}
    rule = Rule.objects.get()
    assert (rule.warning, rule.critical, rule.for_s, rule.aggregation) == (30, 60, 30, "avg")
    second = operator({**BODY, "critical": 90, "for_s": 0}).json()
    assert (second["id"], second["version"]) == (first["id"], 2)
    assert second["previous"]["critical"] == 60
    assert second["previous"]["for_s"] == 30
    rule.refresh_from_db()
    assert (rule.critical, rule.for_s) == (90, 0)


def test_the_same_threshold_again_is_no_new_version(operator):
    assert operator(BODY).json()["version"] == 1
    assert operator(BODY).json()["version"] == 1
    assert RuleVersion.objects.count() == 1


def test_a_change_is_audited_with_who_when_before_and_after(operator):
    operator(BODY)
    operator({**BODY, "warning": 40})
    made, changed = RuleVersion.objects.order_by("version")
    assert made.actor == changed.actor == "key:ci"
    assert made.before is None
    assert (changed.before["warning"], changed.after["warning"]) == (30, 40)
    assert changed.at >= made.at


def test_scope_and_direction_make_another_rule(operator):
    ids = {
        operator(body).json()["id"]
        for body in (
            BODY,
            {**BODY, "scope": {"celery.queue.name": "high"}},
            {**BODY, "direction": "below", "warning": 60, "critical": 30},
        )
    }
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("metric", "aggregation"),
    [
        ("celery.queue.age", "avg"), ("cache.requests", "rate"),
        ("http.server.request.duration", "p95"),
    ],
)  # fmt: skip
def test_the_aggregation_follows_the_kind_of_the_metric(operator, metric, aggregation):
    operator({**BODY, "metric": metric})
    assert Rule.objects.get().aggregation == aggregation


def test_a_threshold_never_turns_a_ratio_into_another_quantity(operator, make_rule):
    ratio = make_rule(
        metric="http.server.request.duration", aggregation="ratio", numerator_scope={"a": "b"}
    )
    operator({**BODY, "metric": "http.server.request.duration"})
    ratio.refresh_from_db()
    assert ratio.warning == 0.8
    assert Rule.objects.count() == 2


def test_a_threshold_changes_the_built_in_rule_of_that_metric(client, bearer, built_in_rules):
    body = {"metric": "system.cpu.utilization", "warning": 0.5, "for_s": 10}
    answer = post(client, body, headers=bearer("operate")).json()
    rule = Rule.objects.get(built_in="HIGH_CPU_USAGE")
    assert (answer["id"], answer["version"]) == (rule.pk, 2)
    assert (rule.warning, rule.critical, rule.by) == (0.5, None, ["host.name"])


def test_an_unknown_metric_is_refused_naming_close_ones_unless_forced(operator):
    answer = operator({**BODY, "metric": "celery.queue.agee"})
    assert answer.status_code == 400
    assert answer.json()["details"]["close"] == ["celery.queue.age"]
    assert "force" in answer.json()["message"]
    assert operator({**BODY, "metric": "celery.queue.agee", "force": True}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"warning": None, "critical": None},
        {"warning": 60, "critical": 30},
        {"warning": "NaN"},
        {"warning": "Infinity"},
        {"warning": True},
        {"warning": "high"},
        {"for_s": -1},
        {"for_s": 86_401},
        {"direction": "sideways"},
        {"metric": ""},
        {"metric": 7},
        {"metric": "a\0b", "force": True},
        {"metric": "x" * 300, "force": True},
        {"scope": "host=a"},
        {"scope": {"host": 7}},
        {"scope": {"": "a"}},
        {"scope": {"a\0": "b"}},
        {"aggregation": "median"},
        {"channels": [{"kind": "pigeon", "to": "x"}]},
        {"channels": [{"kind": "webhook"}]},
        {"channels": [{"kind": "webhook", "to": "a@example.com"}]},
        {"channels": [{"kind": "webhook", "url": "ftp://example.com"}]},
        {"channels": [{"kind": "email", "to": "nobody"}]},
        {"channels": "all"},
    ],
)
def test_nonsense_is_refused_with_a_reason_and_stores_nothing(operator, change):
    answer = operator({**BODY, **change})
    assert answer.status_code == 400, answer.content
    assert answer.json()["message"]
    assert not Rule.objects.exists()
    assert not Channel.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"7", b"\xff"])
def test_a_body_that_is_no_object_is_refused(client, bearer, body):
    answer = client.post(
        THRESHOLD, body, content_type="application/json", headers=bearer("operate")
    )
    assert answer.status_code == 400


def test_channels_are_made_once_set_exactly_and_left_alone_when_not_named(operator):
    hook = {"kind": "webhook", "url": "https://hooks.example.com/s3cr3t"}
    mail = {"kind": "email", "to": "oncall@example.com"}
    operator({**BODY, "channels": [hook, mail, hook]})
    assert Rule.objects.get().channels.count() == 2
    operator({**BODY, "warning": 20})
    assert Rule.objects.get().channels.count() == 2
    answer = operator({**BODY, "channels": [mail]})
    assert [c.kind for c in Rule.objects.get().channels.all()] == ["email"]
    assert Channel.objects.count() == 2
    assert b"s3cr3t" not in answer.content
    assert b"oncall@" not in answer.content
    assert operator({**BODY, "channels": []}).status_code == 200
    assert not Rule.objects.get().channels.exists()


def test_an_address_alone_does_not_change_how_its_messages_are_signed(operator):
    hook = {"kind": "webhook", "url": "https://hooks.example.com/", "secret": "first secret 1234"}
    operator({**BODY, "channels": [hook]})
    operator({**BODY, "channels": [hook]})
    answer = operator({**BODY, "channels": [{**hook, "secret": "second secret 1234"}]})
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert Channel.objects.get().secret == "first secret 1234"


def test_a_target_is_nowhere_in_clear(operator, caplog):
    url = "https://hooks.example.com/services/s3cr3t-path"
    operator(
        {**BODY, "channels": [{"kind": "webhook", "url": url, "secret": "signing s3cr3t 1234"}]}
    )
    with connection.cursor() as cursor:
        for table in ("alerts_channel", "alerts_rule", "alerts_ruleversion", "alerts_notification"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            assert "s3cr3t" not in cursor.fetchone()[0]
    assert "s3cr3t" not in caplog.text
    assert Channel.objects.get().hint == "https://hooks.example.com/***"
    assert RuleVersion.objects.get().after["channels"][0]["target"] == Channel.objects.get().hint


@pytest.mark.django_db(transaction=True)
def test_two_callers_at_once_make_one_rule(bearer, no_rules):
    headers = bearer("operate")

    def call(warning: int) -> int:
        try:
            return post(Client(), {**BODY, "warning": warning}, headers=headers).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(call, range(1, 9))) == {200}
    assert Rule.objects.count() == 1
    assert Rule.objects.get().version == RuleVersion.objects.count() == 8


def test_the_list_shows_what_fires_now_newest_first(client, bearer):
    make_episode(1, state="resolved", ended_at=T0)
    make_episode(2, state="pending")
    fired = T0.replace(minute=5)
    make_episode(3, severity="critical", fired_at=fired, started_at=T0.replace(minute=4))
    make_episode(4, state="recovering")
    answer = client.get(ALERTS, headers=bearer("read")).json()
    assert [item["type"] for item in answer["items"]] == ["rule 3", "rule 4"]
    item = answer["items"][0]
    assert datetime.fromisoformat(item["since"]) == fired
    assert (item["value"], item["threshold"], item["scope"]) == (1.5, 1.0, {"host": "a"})
    assert {"id", "severity", "state"} <= set(item)
    assert answer["has_more"] is False


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=all", ["3", "2", "1"]),
        ("state=resolved", ["1"]),
        ("state=pending,firing", ["3", "2"]),
        ("severity=critical", ["3"]),
        ("severity=warning&state=all", ["2", "1"]),
        ("state=all&page_size=2", ["3", "2"]),
        ("state=all&page_size=2&page=2", ["1"]),
        ("state=all&page_size=2&page=3", []),
    ],
)
def test_the_list_is_filtered_and_paged(client, bearer, query, names):
    make_episode(1, state="resolved", started_at=T0.replace(minute=1))
    make_episode(2, state="pending", started_at=T0.replace(minute=2))
    make_episode(3, severity="critical", started_at=T0.replace(minute=3))
    answer = client.get(f"{ALERTS}?{query}", headers=bearer("read")).json()
    assert [item["type"].removeprefix("rule ") for item in answer["items"]] == names


@pytest.mark.parametrize(
    "query", ["state=odd", "severity=7", "page=0", "page_size=101", "page=x", "state=firing%00"]
)
def test_a_wrong_filter_is_refused(client, bearer, query):
    assert client.get(f"{ALERTS}?{query}", headers=bearer("read")).status_code == 400


def test_a_filter_given_twice_is_refused_and_not_read_by_half(client, bearer):
    answer = client.get(f"{ALERTS}?state=firing&state=recovering", headers=bearer("read"))
    assert answer.status_code == 400
    assert answer.json()["details"]["fields"] == {"state": ["Given more than once."]}


def test_the_list_costs_one_query_however_long_it_is(client, bearer, django_assert_num_queries):
    headers = bearer("read")
    for number in range(30):
        make_episode(number)
    client.get(ALERTS, headers=headers)
    with django_assert_num_queries(1):
        client.get(ALERTS, headers=headers)


class TestWhoMayReadAlerts(PermissionMatrix):
    path, permissions = ALERTS, ["alerts.view_episode"]


@pytest.mark.usefixtures("no_rules")
class TestWhoMaySetThresholds(PermissionMatrix):
    path, method, body, scope = THRESHOLD, "POST", BODY, "operate"
    permissions = ["alerts.add_rule", "alerts.change_rule", "alerts.add_channel"]


def test_alerts_that_began_at_one_moment_are_walked_by_cursor_without_loss(client, bearer):
    for number in range(25):
        make_episode(number, started_at=T0.replace(minute=number // 10))
    headers, seen, cursor = bearer("read"), [], ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = client.get(f"{ALERTS}?page_size=4{more}", headers=headers).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(row.pk) for row in Episode.objects.order_by("-started_at", "-pk")]
