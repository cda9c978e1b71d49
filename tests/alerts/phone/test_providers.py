"""Each provider, as a process that checks what it is sent: taken, refused, busy, broken, hung."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from apps.alerts.delivery import notifier_for
from apps.alerts.delivery.phone import Callback, ForgedError, asking, provider_for
from apps.alerts.delivery.sms import twilio
from apps.alerts.models import Outcome
from tests.alerts.phone.conftest import KINDS, account, envelope

ALL = sorted(KINDS)
ASKED = ["nhn", "sens", "solapi", "twilio"]


def send(name, provider, end, **fields):
    return notifier_for(KINDS[name]).send(envelope(end, account(name, provider), **fields))


@pytest.mark.parametrize("name", ALL)
def test_it_takes_what_we_send_and_we_know_its_name_for_it(name, provider):
    done = send(name, provider, "0001")
    assert (done.outcome, done.error) == (Outcome.OK, "")
    assert done.provider_id
    assert done.receipt_due == (name != "sns")


@pytest.mark.parametrize("name", ALL)
def test_what_it_refuses_is_given_up(name, provider):
    done = send(name, provider, "0400")
    assert done.outcome == Outcome.PERMANENT
    assert "0400" not in done.error


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_secret_is_refused_and_told_without_the_secret(name, provider):
    done = notifier_for(KINDS[name]).send(envelope("0001", account(name, provider, "wrong-one")))
    assert done.outcome == Outcome.PERMANENT
    assert "wrong-one" not in done.error


@pytest.mark.parametrize("name", ALL)
def test_too_many_and_broken_are_tried_again(name, provider):
    busy = send(name, provider, "0429")
    assert (busy.outcome, busy.retry_after_s) == (Outcome.TRANSIENT, 120)
    assert send(name, provider, "0500").outcome == Outcome.TRANSIENT


@pytest.mark.parametrize("name", ALL)
def test_after_nonsense_nobody_knows_whether_it_was_taken(name, provider):
    assert send(name, provider, "0666").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("name", ALL)
def test_one_that_hangs_is_left_in_time(name, provider, monkeypatch):
    monkeypatch.setattr(asking, "_WHOLE_S", 0.5)
    assert send(name, provider, "0900").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("name", ALL)
def test_one_that_is_away_is_tried_again(name, provider):
    away = replace(account(name, provider), endpoint="http://127.0.0.1:9")
    assert notifier_for(KINDS[name]).send(envelope("0001", away)).outcome == Outcome.TRANSIENT
    metadata = replace(away, endpoint="http://169.254.169.254")
    assert notifier_for(KINDS[name]).send(envelope("0001", metadata)).outcome == Outcome.PERMANENT


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("end", "states"),
    [
        ("0001", ["delivered"]),
        ("0300", ["failed"]),
        ("0700", ["on_its_way", "on_its_way", "delivered"]),
        ("0800", ["on_its_way"]),
    ],
)
def test_asked_it_tells_what_became_of_a_message(name, end, states, provider):
    opened = account(name, provider)
    sent = send(name, provider, end)
    told = [provider_for(name).ask(opened, sent.provider_id).state for _ in states]
    assert told == states
    assert provider_for(name).ask(opened, "nothing/of-the-kind") is None


@pytest.mark.parametrize("name", ["nhn", "sens", "solapi"])
def test_an_sms_of_the_provider_itself_counts_as_delivered(name, provider):
    opened = account(name, provider, resend_from="0212345678")
    sent = notifier_for("alimtalk").send(envelope("0301", opened))
    assert provider_for(name).ask(opened, sent.provider_id).state == "delivered"
    said = json.loads(
        next(r["body"] for r in reversed(provider.requests()) if r["method"] == "POST")
    )
    assert "0212345678" in json.dumps(said)
    assert "https://pharos" in json.dumps(said) or "/a/D4-tW9nLRp-hZXCGdyiVDg" in json.dumps(said)


def test_a_repeat_says_so(provider):
    send("twilio", provider, "0001", may_repeat=True)
    form = dict(parse_qsl(provider.last()["body"]))
    assert form["Body"].startswith("(May repeat) ")
    send("sens", provider, "0001", may_repeat=True)
    assert "(May repeat)" in provider.last()["body"]


def test_twilio_is_told_where_to_report(provider):
    url = "https://pharos.example.com/alerts/receipts/twilio/7:x"
    send("twilio", provider, "0001", receipt_url=url)
    assert dict(parse_qsl(provider.last()["body"]))["StatusCallback"] == url


def test_a_topic_of_sns_is_published_to_once(provider):
    topic = "arn:aws:sns:ap-northeast-2:123456789012:pages.fifo"
    message = replace(envelope("0001", account("sns", provider)), target=topic)
    assert notifier_for("sms").send(message).outcome == Outcome.OK
    form = dict(parse_qsl(provider.last()["body"]))
    assert (form["TopicArn"], form["MessageDeduplicationId"]) == (topic, "k" * 64)
    assert "PhoneNumber" not in form


def test_the_signature_is_the_one_of_twilios_own_documentation():
    form = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
        "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("delivered", "delivered"), ("undelivered", "failed"), ("sent", "on_its_way"),
        ("x", "on_its_way"),
    ],
)  # fmt: skip
def test_a_callback_counts_only_with_its_signature(status, state, provider):
    opened = account("twilio", provider)
    form = {"MessageStatus": status, "MessageSid": "SM1", "ErrorCode": "30003"}
    url = "https://pharos.example.com/alerts/receipts/twilio/7:x"
    mac = twilio.signature(opened.secret, url, form)
    said = Callback(url, {"x-twilio-signature": mac}, form)
    assert provider_for("twilio").read_callback(opened, said).state == state
    forged = replace(said, form={**form, "MessageStatus": "delivered", "x": "y"})
    with pytest.raises(ForgedError):
        provider_for("twilio").read_callback(opened, forged)
