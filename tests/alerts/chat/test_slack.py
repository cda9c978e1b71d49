"""Slack: threads, repeats that are found, buttons, and text that calls nobody."""

import json

import pytest

from apps.alerts.delivery import notifier_for, packed
from apps.alerts.delivery.slack import notifier as slack_notifier
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError
from tests.alerts.chat.conftest import ALERT, RESOLVED, send


def texts(message) -> str:
    return json.dumps(message["attachments"], ensure_ascii=False)


def test_a_message_lists_each_breach_in_the_colour_of_its_severity(inbox):
    result = send("slack", inbox)
    (message,) = inbox.bodies("slack", "chat.postMessage")
    assert result.provider_id.startswith("C0ALERTS:")
    assert message["attachments"][0]["color"] == "#b91c1c"
    shown = texts(message)
    assert "*Critical* http.server.request.duration (p95) = 1.61 s (threshold &gt; 500 ms" in shown
    assert "*Warning* system.cpu.utilization (avg) = 0.95 (threshold &gt; 0.9" in shown
    assert "and 3 more" in shown
    assert "<https://wiki.example.com/slow?a=1&amp;b=2|Runbook>" in shown
    for name in ("Open in Pharos", "Chart", "Logs", "Traces"):
        assert f"|{name}>" in shown
    warning = {**ALERT, "severity": "warning"}
    send("slack", inbox, payload=warning)
    assert inbox.bodies("slack")[-1]["attachments"][0]["color"] == "#b45309"


def test_no_label_or_name_can_call_people_or_make_a_link(inbox):
    send("slack", inbox)
    (message,) = inbox.bodies("slack", "chat.postMessage")
    assert "<!channel>" not in json.dumps(message)
    assert "<@U1>" not in json.dumps(message)
    assert "&lt;!channel&gt;" in message["text"]


def test_what_follows_goes_into_the_thread_and_the_end_turns_the_first_message_green(inbox):
    thread = send("slack", inbox).provider_id
    send("slack", inbox, payload={**ALERT, "severity": "warning"}, thread=thread, key="b" * 64)
    send("slack", inbox, payload=RESOLVED, thread=thread, key="c" * 64)
    first, more, end = inbox.bodies("slack", "chat.postMessage")
    ts = thread.partition(":")[2]
    assert "thread_ts" not in first
    assert (more["thread_ts"], end["thread_ts"]) == (ts, ts)
    (update,) = inbox.bodies("slack", "chat.update")
    assert (update["ts"], update["attachments"][0]["color"]) == (ts, "#15803d")
    assert "[Resolved]" in texts(update)


def test_news_of_a_critical_alert_is_also_shown_in_the_channel(inbox):
    thread = send("slack", inbox).provider_id
    send("slack", inbox, thread=thread, key="b" * 64)
    assert inbox.bodies("slack", "chat.postMessage")[-1]["reply_broadcast"] is True


def test_a_message_that_arrived_without_an_answer_is_found_instead_of_repeated(inbox):
    key = "d" * 64
    assert send("slack", inbox, "lost", key=key).outcome == Outcome.UNKNOWN
    again = send("slack", inbox, key=key, attempt=2, may_repeat=True)
    assert again.outcome == Outcome.OK
    assert again.provider_id.startswith("C0ALERTS:")
    assert len(inbox.bodies("slack", "chat.postMessage")) == 1


def test_one_that_did_not_arrive_is_sent_and_says_that_it_may_repeat(inbox):
    assert send("slack", inbox, key="e" * 64, may_repeat=True).outcome == Outcome.OK
    (message,) = inbox.bodies("slack", "chat.postMessage")
    assert "may repeat" in texts(message)


@pytest.mark.parametrize(
    ("fields", "outcome", "code"),
    [
        ({"target": "C0MISSING"}, Outcome.PERMANENT, "channel_not_found"),
        ({"secret": packed({"token": "xoxb-old"})}, Outcome.PERMANENT, "invalid_auth"),
    ],
)
def test_slacks_own_refusals_are_named(fields, outcome, code, inbox):
    result = send("slack", inbox, **fields)
    assert result.outcome == outcome
    assert code in result.error


def test_an_incoming_webhook_gets_plain_fields(inbox):
    result = send("slack", inbox, target=f"{inbox.url}/slack/ok/hook/s3cr3t")
    assert (result.outcome, result.provider_id) == (Outcome.OK, "")
    (message,) = inbox.bodies("slack")
    (part,) = message["attachments"]
    assert "blocks" not in part
    assert part["color"] == "#b91c1c"
    assert "threshold &gt; 500 ms" in part["text"]


def test_messages_have_buttons_only_where_they_can_be_answered(inbox):
    send("slack", inbox)
    secret = packed({"token": "xoxb-good", "signing_secret": "s"})
    send("slack", inbox, secret=secret)
    send("slack", inbox, secret=secret, payload=RESOLVED)
    without, with_buttons, ended = inbox.bodies("slack", "chat.postMessage")
    assert "pharos_acknowledge" not in texts(without)
    assert "pharos_acknowledge" in texts(with_buttons)
    assert "pharos_silence" in texts(with_buttons)
    assert "pharos_acknowledge" not in texts(ended)


def test_a_message_of_a_hundred_long_breaches_fits(inbox):
    long = {**ALERT["breaches"][0], "labels": {f"l{n}": "x" * 200 for n in range(20)}}
    payload = {**ALERT, "breaches": [long] * 30, "rule": {"name": "n", "summary": "<&>" * 3000}}
    assert send("slack", inbox, payload=payload).outcome == Outcome.OK


def test_a_channel_takes_one_message_a_second(inbox, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(slack_notifier, "_PACE_S", 1.0)
    monkeypatch.setattr(slack_notifier.time, "sleep", waited.append)
    results = [send("slack", inbox, target="C0PACED", key=f"{n}" * 64) for n in range(8)]
    assert sum(result.outcome == Outcome.OK for result in results) >= 5
    assert waited[0] == 0
    assert waited[3] > 2
    late = [result for result in results if result.outcome == Outcome.TRANSIENT]
    assert all(result.retry_after_s > 4 for result in late)


def test_a_slack_channel_needs_a_token_and_a_webhook_none():
    notifier = notifier_for("slack")
    with pytest.raises(InvalidInputError, match="token"):
        notifier.check("C0ALERTS", {}, {})
    notifier.check("https://hooks.slack.com/services/x", {}, {})
