"""E-mail against a real SMTP server."""

import email
import smtplib
import socket
import threading
from collections.abc import Iterator
from email import policy

import pytest
from aiosmtpd.controller import Controller

from apps.alerts.delivery import Envelope, notifier_for, wording
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError
from tests.conftest import free_port

PAYLOAD = {
    "purpose": "firing",
    "episode": "5d0c0de0-0000-4000-8000-000000000001",
    "rule": {"id": 1, "name": "CPU\r\nBcc: evil@example.com", "summary": "<b>Look</b>"},
    "severity": "critical",
    "state": "firing",
    "scope": {"host": "web-1"},
    "breaches": [
        {
            "metric": "system.cpu.utilization", "aggregation": "avg", "unit": "1", "value": 0.95,
            "worst": 0.97, "threshold": 0.9, "direction": "above", "severity": "critical",
            "labels": {"host": "<script>"}, "since": "2026-11-21T12:00:00+00:00",
        },
        {
            "metric": "http.server.request.duration", "aggregation": "p95", "unit": "s",
            "value": 0.61, "worst": 0.7, "threshold": 0.5, "direction": "above",
            "severity": "warning", "labels": {}, "since": "2026-11-21T12:00:00+00:00",
        },
    ],
    "breaches_not_shown": 3,
    "since": "2026-11-21T12:00:00+00:00",
    "ended_at": None,
    "duration_s": None,
    "reason": "breach",
    "url": "http://localhost:8000/admin/alerts/episode/x/change/",
}  # fmt: skip


class Mailbox:
    """Takes mail; `refusal` is answered at the stage it names."""

    def __init__(self) -> None:
        self.messages: list[email.message.EmailMessage] = []
        self.refusal: tuple[str, str] | None = None

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.refusal and self.refusal[0] == "RCPT":
            return self.refusal[1]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.refusal and self.refusal[0] == "DATA":
            return self.refusal[1]
        self.messages.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    use_server(settings, controller.port)
    yield box
    controller.stop()


def use_server(settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


def send(payload=PAYLOAD, **fields):
    envelope = Envelope("k" * 64, "oncall@example.com", "", payload, **fields)
    return notifier_for("email").send(envelope)


def test_a_mail_lists_each_breached_metric_with_value_threshold_and_severity(mailbox):
    assert send().outcome == Outcome.OK
    (mail,) = mailbox.messages
    text = mail.get_body(("plain",)).get_content()
    assert "Critical: system.cpu.utilization (avg) = 0.95, threshold > 0.9, worst 0.97" in text
    assert "Warning: http.server.request.duration (p95) = 610 ms, threshold > 500 ms" in text
    assert "and 3 more" in text
    assert "http://localhost:8000/admin/alerts/episode/x/change/" in text
    page = mail.get_body(("html",)).get_content()
    assert "#b91c1c" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_a_rule_name_cannot_inject_headers(mailbox):
    send()
    (mail,) = mailbox.messages
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[Critical] CPU Bcc: evil@example.com (host=web-1)"


def test_every_attempt_has_the_same_message_id_and_a_repeat_says_so(mailbox):
    send()
    send(attempt=2, may_repeat=True)
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Message-ID"].strip() == f"<{'k' * 64}@localhost>"
    assert first["References"].strip() == "<5d0c0de0-0000-4000-8000-000000000001@localhost>"
    assert second["Pharos-May-Repeat"] == "true"
    assert "may repeat" in second.get_body(("plain",)).get_content()
    assert "may repeat" not in first.get_body(("plain",)).get_content()


def test_a_resolved_mail_tells_how_long_it_lasted_and_why_it_ended(mailbox):
    ended = {
        **PAYLOAD, "purpose": "resolved", "ended_at": "2026-11-21T13:05:00+00:00",
        "duration_s": 3900.0, "reason": "missing_series",
    }  # fmt: skip
    send(ended)
    text = mailbox.messages[0].get_body(("plain",)).get_content()
    assert mailbox.messages[0]["Subject"].startswith("[Resolved]")
    assert "1 h 05 min" in text
    assert "not seen to be well" in text


def test_a_test_mail_names_its_channel(mailbox):
    send({"purpose": "test", "channel": "On call", "url": "http://localhost:8000"})
    assert '"On call" works' in mailbox.messages[0].get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("stage", "answer", "outcome", "status"),
    [
        ("RCPT", "550 No such user <oncall@example.com>", Outcome.PERMANENT, 550),
        ("RCPT", "451 Later", Outcome.TRANSIENT, 451),
        ("DATA", "554 Spam", Outcome.PERMANENT, 554),
        ("DATA", "452 Disk full", Outcome.TRANSIENT, 452),
    ],
)
def test_a_refusal_has_its_outcome_class(mailbox, stage, answer, outcome, status):
    mailbox.refusal = (stage, answer)
    result = send()
    assert (result.outcome, result.status_code) == (outcome, status)
    assert "oncall" not in result.error


def test_an_absent_mail_server_is_tried_again_later(settings):
    use_server(settings, free_port())
    assert send().outcome == Outcome.TRANSIENT


def test_a_mail_server_that_drops_the_line_in_the_middle_has_an_unknown_outcome(settings):
    server = socket.create_server(("127.0.0.1", 0))
    use_server(settings, server.getsockname()[1])

    def talk() -> None:
        line, _ = server.accept()
        with line, line.makefile("rb") as reader:
            line.sendall(b"220 hello\r\n")
            for answer in (b"250 hello\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n"):
                reader.readline()
                line.sendall(answer)
            reader.readline()

    thread = threading.Thread(target=talk)
    thread.start()
    assert send().outcome == Outcome.UNKNOWN
    thread.join(10)
    server.close()


def test_a_refused_password_is_tried_again_later(settings, mailbox):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "pharos", "wrong"
    result = send()
    assert result.outcome == Outcome.TRANSIENT
    assert "wrong" not in result.error


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "a@example.com\nBcc: x@y.z", "<a@b.c>"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InvalidInputError):
        notifier_for("email").validate(address)


@pytest.mark.parametrize(
    ("value", "unit", "aggregation", "shown"),
    [
        (None, "s", "", "no data"),
        (0.1234, "s", "p95", "123.4 ms"),
        (2.5, "s", "p95", "2.5 s"),
        (0.153, "1", "ratio", "15.3 %"),
        (1610612736.0, "By", "avg", "1.5 GiB"),
        (12, "{request}", "rate", "12"),
        (0.95, "1", "avg", "0.95"),
    ],
)
def test_figures_are_written_as_people_read_them(value, unit, aggregation, shown):
    assert wording.figure(value, unit, aggregation) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (12, "12 s"),
        (200, "3 min 20 s"),
        (3900, "1 h 05 min"),
        (300, "5 min"),
        (7200, "2 h"),
        (180_000, "2 d 2 h"),
    ],
)
def test_durations_are_written_as_people_read_them(seconds, shown):
    assert wording.duration(seconds) == shown


def test_smtp_errors_without_a_code_are_unknown():
    from apps.alerts.delivery.email import _judge

    assert _judge(smtplib.SMTPServerDisconnected("gone")).outcome == Outcome.UNKNOWN
