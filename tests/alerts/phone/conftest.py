"""A provider of messages to telephones as a process, accounts with it, and messages to send."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.alerts.delivery import Envelope
from apps.alerts.delivery.phone import Account
from apps.alerts.models import Channel, PhoneAccount
from apps.alerts.services import channels, phones
from tests.alerts.conftest import wait_until
from tests.alerts.providers.phone import SECRET
from tests.conftest import PROJECT, free_port
from tests.servers import answers, die_with_parent

TEMPLATE = {
    "template_code": "PHAROS1",
    "template": "[#{등급}] #{제목}\n값 #{value} (기준 #{threshold})\n#{link}",
    "variables": "등급 = severity\n제목 = title",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "twilio": {"account_sid": "AC0123", "sender": "+15005550006"},
    "sns": {"region": "ap-northeast-2", "access_key_id": "AKIAEXAMPLE"},
    "nhn": {"app_key": "APPKEY", "sender_key": "SENDER", **TEMPLATE},
    "sens": {
        "service_id": "ncp:kkobizmsg:kr:2:pharos", "access_key_id": "ACCESS",
        "channel_id": "@pharos", **TEMPLATE,
    },
    "solapi": {"api_key": "NCSKEY", "channel_id": "KA01PF", **TEMPLATE},
}  # fmt: skip
KINDS = {"twilio": "sms", "sns": "sms", "nhn": "alimtalk", "sens": "alimtalk", "solapi": "alimtalk"}
PAYLOAD: dict[str, Any] = {
    "purpose": "firing",
    "episode": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "rule": {"id": 1, "name": "High CPU", "summary": ""},
    "severity": "critical",
    "scope": {"host": "web-1"},
    "breaches": [
        {
            "metric": "system.cpu.utilization", "aggregation": "avg", "unit": "1",
            "labels": {"host": "web-1"}, "direction": "above", "value": 0.97, "worst": 0.99,
            "threshold": 0.9, "severity": "critical", "since": "2026-01-01T00:00:00+00:00",
        }
    ],
    "breaches_not_shown": 0,
    "since": "2026-01-01T00:00:00+00:00",
    "url": "https://pharos.example.com/admin/alerts/episode/1/change/",
}  # fmt: skip


@dataclass
class Provider:
    """The process of `tests.alerts.providers.phone`."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.log.read_text().splitlines()]
        return []

    def last(self) -> dict[str, Any]:
        return self.requests()[-1]


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[Provider]:
    port, log = free_port(), tmp_path_factory.mktemp("phone") / "received.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.alerts.providers.phone", str(port), str(log)],
        cwd=PROJECT, preexec_fn=die_with_parent,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/up"))
    yield Provider(url, log)
    process.kill()
    process.wait()


def account(name: str, provider: Provider, secret: str = SECRET, **settings: Any) -> Account:
    return Account(name, {**SETTINGS[name], **settings}, secret, provider.url)


def envelope(end: str, opened: Account | None = None, **fields: Any) -> Envelope:
    """A message to the number with this end."""
    return Envelope(
        key="k" * 64, target=f"+82101234{end}", secret="", payload=PAYLOAD, account=opened,
        language="en", **fields,
    )  # fmt: skip


@pytest.fixture
def phone(db, provider):
    """A channel to the number with this end, by an account with this provider."""

    def make(name: str, end: str, **settings: Any) -> Channel:
        if not PhoneAccount.objects.filter(name=name).exists():
            row = PhoneAccount(name=name, provider=name, endpoint=provider.url)
            phones.store(row, {**SETTINGS[name], **settings}, SECRET)
        return channels.ensure(KINDS[name], f"+82101234{end}", config={"account": name})

    return make
