"""Webhooks against a real HTTP server in a process of its own."""

import base64
import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from apps.alerts.delivery import Envelope, notifier_for, webhook
from apps.alerts.models import Outcome
from apps.core.addresses import ForbiddenAddressError, resolve
from apps.core.errors import InvalidInputError
from tests.conftest import free_port

SECRET = "a signing secret of the channel"


def send(url: str, **fields):
    envelope = Envelope(
        "k" * 64, url, SECRET, {"purpose": "firing", "rule": {"name": "CPU"}}, **fields
    )
    return notifier_for("webhook").send(envelope)


def test_an_accepted_message_is_signed_and_carries_its_idempotency_key(receiver):
    result = send(receiver.url + "/ok/hook?team=a", attempt=3, may_repeat=True)
    assert (result.outcome, result.status_code, result.error) == (Outcome.OK, 200, "")
    (request,) = receiver.requests()
    headers = request["headers"]
    assert request["path"] == "/ok/hook?team=a"
    assert headers["Idempotency-Key"] == headers["Webhook-Id"] == "k" * 64
    assert (headers["Pharos-Attempt"], headers["Pharos-May-Repeat"]) == ("3", "true")
    signed = f"{'k' * 64}.{headers['Webhook-Timestamp']}.{request['body']}".encode()
    mac = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["Webhook-Signature"] == f"v1,{mac}"
    body = json.loads(request["body"])
    assert (body["id"], body["may_repeat"], body["purpose"]) == ("k" * 64, True, "firing")


@pytest.mark.parametrize(
    ("way", "outcome", "status", "retry_after_s"),
    [
        ("500", Outcome.TRANSIENT, 500, None),
        ("429", Outcome.TRANSIENT, 429, 120),
        ("404", Outcome.PERMANENT, 404, None),
        ("redirect", Outcome.PERMANENT, 302, None),
        ("garbage", Outcome.UNKNOWN, None, None),
        ("reset", Outcome.UNKNOWN, None, None),
        ("endless", Outcome.OK, 200, None),
    ],
)
def test_an_answer_has_its_outcome_class(receiver, way, outcome, status, retry_after_s):
    result = send(f"{receiver.url}/{way}/s3cr3t")
    assert (result.outcome, result.status_code) == (outcome, status)
    assert result.retry_after_s == retry_after_s
    assert "s3cr3t" not in result.error
    assert len(receiver.requests()) == 1  # a redirect is not followed, nothing is repeated


def test_a_receiver_that_never_answers_has_an_unknown_outcome(receiver, monkeypatch):
    monkeypatch.setattr(webhook, "_TIMEOUT", webhook.urllib3.Timeout(connect=1, read=0.3))
    assert send(receiver.url + "/hang").outcome == Outcome.UNKNOWN


def test_a_receiver_that_answers_byte_by_byte_is_cut_off(receiver, monkeypatch):
    monkeypatch.setattr(webhook, "_WHOLE_S", 0.5)
    result = send(receiver.url + "/drip/s3cr3t")
    assert result.outcome == Outcome.UNKNOWN
    assert "s3cr3t" not in result.error
    assert send(receiver.url + "/ok").outcome == Outcome.OK


def test_a_closed_port_is_tried_again_later():
    result = send(f"http://127.0.0.1:{free_port()}/s3cr3t")
    assert (result.outcome, result.status_code) == (Outcome.TRANSIENT, None)
    assert "s3cr3t" not in result.error


def test_an_unknown_host_is_tried_again_later():
    assert send("http://no-such-host.invalid/").outcome == Outcome.TRANSIENT


def test_plain_http_behind_https_is_no_delivery(receiver):
    result = send(receiver.url.replace("http:", "https:") + "/ok")
    assert result.outcome in (Outcome.TRANSIENT, Outcome.UNKNOWN)
    assert not receiver.requests()


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]", "224.0.0.1", "[::ffff:169.254.169.254]",
     "[fd00:ec2::254]", "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::]", "[::169.254.169.254]",
     "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"],
)  # fmt: skip
def test_metadata_services_and_the_like_are_never_reached(address, monkeypatch):
    def connect(*args):
        pytest.fail("connected")

    monkeypatch.setattr(socket.socket, "connect", connect)
    result = send(f"http://{address}/latest/meta-data")
    assert result.outcome == Outcome.PERMANENT
    assert "nothing is sent" in result.error


def test_a_name_that_leads_to_a_forbidden_address_is_refused(monkeypatch):
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer)
    with pytest.raises(ForbiddenAddressError):
        resolve("innocent.example.com", 80)


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example.com", "ftp://example.com/", "file:///etc/passwd", "http://", "http://[::1",
     "http://example.com:99999/", "http://user:pass@example.com/", "http://example.com/a b",
     "http://example.com/\r\nX: 1", "http://ex\u00e4mple.com/", "gopher://x/",
     "http://e.com/" + "a" * 2000,
     "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_webhook_url_is_refused(url):
    with pytest.raises(InvalidInputError):
        notifier_for("webhook").validate(url)


def test_a_url_is_kept_without_its_fragment():
    assert notifier_for("webhook").validate(" https://e.com/a?b=c#d ") == "https://e.com/a?b=c"


def test_an_unknown_channel_kind_names_the_known_ones():
    with pytest.raises(InvalidInputError, match=r"discord, email, .*webhook"):
        notifier_for("pigeon")


def test_retry_after_is_a_number_or_a_date():
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert webhook.retry_after_s("30") == 30
    assert 80 <= webhook.retry_after_s(format_datetime(later, usegmt=True)) <= 90
    assert webhook.retry_after_s(format_datetime(later - timedelta(days=1), usegmt=True)) == 0
    for nonsense in ("", "soon", "-5", "1e9", "\u0663"):
        assert webhook.retry_after_s(nonsense) is None


def test_an_envelope_does_not_show_its_secrets():
    shown = repr(Envelope("k", "https://e.com/s3cr3t", SECRET, {}))
    assert "s3cr3t" not in shown
    assert SECRET not in shown
