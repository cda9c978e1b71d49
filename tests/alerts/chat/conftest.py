"""The inbox of all providers as one process for each module, and an alert to tell of."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.alerts.delivery import Envelope, notifier_for, packed
from apps.alerts.delivery.slack import notifier as slack_notifier
from tests.alerts.conftest import wait_until
from tests.conftest import PROJECT, free_port
from tests.servers import answers, die_with_parent

KEY = "k" * 64
ALERT: dict[str, Any] = {
    "purpose": "firing",
    "episode": "5d0c0de0-0000-4000-8000-000000000001",
    "rule": {"id": 1, "name": "Slow <!channel> @everyone", "summary": "[x](http://evil.example)"},
    "severity": "critical",
    "state": "firing",
    "scope": {"service.name": "checkout"},
    "breaches": [
        {
            "metric": "http.server.request.duration", "aggregation": "p95", "unit": "s",
            "value": 1.61, "worst": 1.7, "threshold": 0.5, "direction": "above",
            "severity": "critical", "labels": {"service.name": "checkout"},
            "since": "2026-11-21T12:00:00+00:00",
        },
        {
            "metric": "system.cpu.utilization", "aggregation": "avg", "unit": "1", "value": 0.95,
            "worst": 0.97, "threshold": 0.9, "direction": "above", "severity": "warning",
            "labels": {"host": "<@U1>"}, "since": "2026-11-21T12:00:00+00:00",
        },
    ],
    "breaches_not_shown": 3,
    "since": "2026-11-21T12:00:00+00:00",
    "ended_at": None,
    "duration_s": None,
    "reason": "breach",
    "runbook": "https://wiki.example.com/slow?a=1&b=2",
    "url": "http://localhost:8000/admin/alerts/episode/x/change/",
}  # fmt: skip
RESOLVED = {
    **ALERT, "purpose": "resolved", "ended_at": "2026-11-21T13:05:00+00:00", "duration_s": 3900.0,
    "reason": "ok",
}  # fmt: skip


@dataclass
class Inbox:
    """All providers on one port; the way a channel's address names says how they behave."""

    url: str
    log: Path
    begun: int = 0

    def calls(self, kind: str = "") -> list[dict[str, Any]]:
        """What came since the test began."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.log.read_text().splitlines()[self.begun :]
            found = [json.loads(line) for line in lines]
            return [one for one in found if not kind or one["kind"] == kind]
        return []

    def bodies(self, kind: str, path: str | None = None) -> list[dict[str, Any]]:
        """The JSON bodies that came to a provider, or to one path of it."""
        calls = self.calls(kind)
        return [json.loads(c["body"]) for c in calls if path is None or c["path"] == path]


@pytest.fixture(scope="module")
def providers(tmp_path_factory) -> Iterator[Inbox]:
    port, log = free_port(), tmp_path_factory.mktemp("providers") / "calls.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.providers", str(port), str(log)],
        cwd=PROJECT, preexec_fn=die_with_parent,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(url))
    yield Inbox(url, log)
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def no_pace(monkeypatch) -> None:
    """Without the second that Slack wants between two messages."""
    monkeypatch.setattr(slack_notifier, "_PACE_S", 0.0)


@pytest.fixture
def inbox(providers) -> Inbox:
    """The providers, with nothing in yet."""
    providers.begun = 0
    providers.begun = len(providers.calls())
    return providers


def envelope(kind: str, inbox: Inbox, way: str = "ok", payload=ALERT, **fields) -> Envelope:
    """A message to a provider that behaves like this."""
    base = f"{inbox.url}/{kind}/{way}"
    target, config, secrets = {
        "slack": ("C0ALERTS", {"base_url": base}, {"token": "xoxb-good"}),
        "pagerduty": ("a" * 32, {"base_url": base, "region": "us"}, {}),
        "opsgenie": ("a" * 32, {"base_url": base, "region": "us", "team": "ops"}, {}),
        "teams": (f"{base}/hook?sig=s3cr3t", {}, {}),
        "discord": (f"{base}/1/s3cr3t", {}, {}),
        "apprise": (f"ntfy://{inbox.url.removeprefix('http://')}/{way}", {}, {}),
    }[kind]
    given = {
        "key": KEY, "target": target, "secret": packed(secrets), "config": config,
        "channel_id": 7, "subject": "group-1", **fields,
    }  # fmt: skip
    return Envelope(payload=payload, **given)


def send(kind: str, inbox: Inbox, way: str = "ok", payload=ALERT, **fields):
    """Send once."""
    return notifier_for(kind).send(envelope(kind, inbox, way, payload, **fields))
