"""Every provider against a process that behaves like it, well and badly."""

import json

import pytest

from apps.alerts.delivery import NOTIFIERS, http, notifier_for
from apps.alerts.delivery.apprise import notifier as apprise_notifier
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError
from tests.alerts.chat.conftest import ALERT, RESOLVED, envelope, send
from tests.conftest import free_port

KINDS = ["slack", "pagerduty", "opsgenie", "teams", "discord", "apprise"]
INCIDENT = {
    **{name: ALERT[name] for name in ("since", "ended_at", "duration_s", "url")},
    "purpose": "incident", "episode": None, "rule": {"name": "Shop <!channel>"}, "scope": {},
    "severity": "critical", "state": "open", "breaches": [],
    "incident": {
        "id": 7, "title": "Shop <!channel>", "severity": "critical", "status": "open",
        "event": "declared", "by": "ann", "services": ["shop"], "rules": ["CPU"],
    },
}  # fmt: skip
OVER = {
    **INCIDENT, "ended_at": RESOLVED["ended_at"], "duration_s": 3900.0,
    "incident": {**INCIDENT["incident"], "status": "resolved", "event": "status"},
}  # fmt: skip
TEST = {"purpose": "test", "channel": "On call", "url": "http://localhost:8000"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "payload", [ALERT, RESOLVED, TEST, INCIDENT], ids=["firing", "resolved", "test", "incident"]
)
def test_a_provider_takes_every_kind_of_message(kind, payload, inbox):
    result = send(kind, inbox, payload=payload)
    assert (result.outcome, result.error) == (Outcome.OK, "")
    assert inbox.calls()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("way", "outcome", "status"),
    [
        ("429", Outcome.TRANSIENT, 429),
        ("500", Outcome.TRANSIENT, 500),
        ("403", Outcome.PERMANENT, 403),
        ("302", Outcome.PERMANENT, 302),
    ],
)
def test_a_refusal_has_its_outcome_class(kind, way, outcome, status, inbox):
    result = send(kind, inbox, way)
    assert (result.outcome, result.status_code) == (outcome, status)
    assert "s3cr3t" not in result.error
    assert len(inbox.calls()) == 1  # nothing is followed or repeated


@pytest.mark.parametrize(
    ("kind", "wait_s"),
    [("slack", 30), ("pagerduty", 30), ("opsgenie", 30), ("teams", 30), ("discord", 7.5)],
)
def test_a_provider_that_says_when_to_come_back_is_heeded(kind, wait_s, inbox):
    assert send(kind, inbox, "429").retry_after_s == wait_s


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "opsgenie"])
def test_an_answer_that_is_nonsense_has_an_unknown_outcome(kind, inbox):
    result = send(kind, inbox, "garbage")
    assert (result.outcome, result.status_code) == (Outcome.UNKNOWN, 200)
    assert "nonsense" in result.error


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_breaks_off_may_have_taken_the_message(kind, inbox, monkeypatch):
    assert send(kind, inbox, "lost").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_never_answers_is_given_up(kind, inbox, monkeypatch):
    monkeypatch.setattr(http.Caller, "left_s", 0.4)
    monkeypatch.setattr(apprise_notifier, "_READ_S", 0.4)
    assert send(kind, inbox, "hang").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "opsgenie"])
def test_an_absent_provider_is_tried_again_later(kind, inbox):
    gone = {"base_url": f"http://127.0.0.1:{free_port()}", "region": "us"}
    assert send(kind, inbox, config=gone).outcome == Outcome.TRANSIENT


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "opsgenie", "teams", "discord"])
def test_metadata_services_are_never_reached(kind, inbox):
    base = "http://169.254.169.254/latest"
    fields = {"target": base} if kind in ("teams", "discord") else {"config": {"base_url": base}}
    result = send(kind, inbox, **fields)
    assert result.outcome == Outcome.PERMANENT
    assert "nothing is sent" in result.error


def test_apprise_takes_no_service_whose_host_is_hidden_in_a_name():
    with pytest.raises(InvalidInputError, match="begins with one of"):
        notifier_for("apprise").validate(f"zulip://bot@meta.internal.corp/{'a' * 32}")


def test_apprise_reaches_no_metadata_service_either(inbox):
    result = send("apprise", inbox, target="ntfy://169.254.169.254/x")
    assert result.outcome == Outcome.PERMANENT


@pytest.mark.parametrize("kind", sorted(NOTIFIERS))
def test_no_kind_shows_its_target_or_secrets(kind):
    notifier = NOTIFIERS[kind]
    assert str(notifier.label)
    names = [one.name for one in notifier.settings]
    assert len(set(names)) == len(names)
    target = {
        "pagerduty": "s3cr3ts3cr3ts3cr3tabcd", "opsgenie": "s3cr3t-s3cr3t-s3cr3t-abcd",
        "slack": "https://hooks.slack.com/services/s3cr3t", "apprise": "tgram://1:s3cr3t/2",
        "email": "s3cr3t@example.com",
    }.get(kind, "https://e.com/s3cr3t")  # fmt: skip
    assert "s3cr3t" not in notifier.mask(target)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("slack", "not a channel"), ("slack", ""), ("slack", "https://"),
        ("pagerduty", "short"), ("pagerduty", "a b" * 16), ("opsgenie", "key with spaces 123456"),
        ("teams", "ftp://x"), ("discord", "discord.com/api"), ("apprise", "json://e.com/"),
        ("apprise", "dbus://"), ("apprise", "file:///etc/passwd"), ("apprise", "tgram://x"),
        ("apprise", "mailto://u:p@e.com"), ("apprise", "ntfy://h/t?template=/etc/passwd"),
        ("apprise", "ntfy://h/t?+Template=x"), ("apprise", "windows://"), ("apprise", "nonsense"),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(kind, target):
    with pytest.raises(InvalidInputError):
        notifier_for(kind).validate(target)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("slack", " C0ALERTS "), ("slack", "#alerts"),
        ("slack", "https://hooks.slack.com/services/T/B/x"),
        ("apprise", "tgram://123456789:abcdefghijklmnopqrstuvwxyz0123456789/12345"),
        ("apprise", "ntfys://ntfy.example.com/topic"), ("pagerduty", "a" * 32),
    ],
)  # fmt: skip
def test_a_target_is_kept_without_spaces_around(kind, target):
    assert notifier_for(kind).validate(target) == target.strip()


def test_pagerduty_gets_one_alert_for_firing_and_end(inbox):
    send("pagerduty", inbox)
    send("pagerduty", inbox, payload=RESOLVED)
    opened, closed = inbox.bodies("pagerduty")
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "pharos-group-1"
    assert "payload" not in closed
    told = opened["payload"]
    assert (told["severity"], told["source"]) == ("critical", "checkout")
    details = told["custom_details"]
    assert "1.61 s (threshold > 500 ms, worst 1.7 s)" in details["1. Critical"]
    assert "system.cpu.utilization = 0.95" in details["2. Warning"]
    assert {"href": ALERT["runbook"], "text": "Runbook"} in opened["links"]


def test_opsgenie_opens_by_alias_and_closes_by_it(inbox):
    send("opsgenie", inbox)
    send("opsgenie", inbox, payload=RESOLVED)
    opened, closed = inbox.calls("opsgenie")
    assert opened["headers"]["Authorization"] == f"GenieKey {'a' * 32}"
    body = json.loads(opened["body"])
    assert (body["alias"], body["priority"]) == ("pharos-group-1", "P1")
    assert body["responders"] == [{"type": "team", "name": "ops"}]
    assert "threshold > 500 ms" in body["description"]
    assert closed["path"] == "v2/alerts/pharos-group-1/close"
    assert closed["query"] == {"identifierType": "alias"}


def test_a_pager_opens_and_closes_one_alert_for_an_incident(inbox):
    for payload in (INCIDENT, OVER):
        send("pagerduty", inbox, payload=payload, subject="incident-7")
        send("opsgenie", inbox, payload=payload, subject="incident-7")
    opened, closed = inbox.bodies("pagerduty")
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "pharos-incident-7"
    assert opened["payload"]["summary"] == "[Incident, Critical] Shop <!channel>"
    assert inbox.calls("opsgenie")[1]["path"] == "v2/alerts/pharos-incident-7/close"


def test_messages_without_a_subject_are_kept_apart(inbox):
    send("pagerduty", inbox, payload=TEST, subject="")
    (event,) = inbox.bodies("pagerduty")
    assert event["dedup_key"] == f"pharos-{'k' * 64}"
    assert event["payload"]["severity"] == "info"


def test_apprise_sends_plain_text_that_calls_nobody(inbox):
    send("apprise", inbox)
    (message,) = inbox.bodies("ntfy")
    assert "@everyone" not in message["title"] + message["message"]
    assert "threshold > 500 ms" in message["message"]


def test_an_envelope_does_not_show_its_named_secrets(inbox):
    assert "xoxb" not in repr(envelope("slack", inbox))
