"""Episodes, receivers and routes by hand, on a clock moved by hand."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.alerts.models import (
    AlertGroup,
    Channel,
    Decision,
    Episode,
    GroupMember,
    Notification,
    Receiver,
    Route,
)
from apps.alerts.routing import enrol, route
from apps.alerts.services import channels
from tests.alerts.conftest import T0


@dataclass
class Desk:
    """Where alerts come in and messages go out; `now` moves only by `wait`."""

    now: datetime = T0
    names: dict[str, Episode] = field(default_factory=dict)

    def fire(self, *names: str, severity: str = "warning", **labels: str) -> list[Episode]:
        """Alerts of these names fire now, and are routed."""
        fired = []
        for name in names:
            episode = Episode.objects.create(
                id=uuid.uuid4(), rule_name="CPU", fingerprint=f"{name}{self.now}", metric="m",
                labels={"host": name, **{k.replace("_", "."): v for k, v in labels.items()}},
                direction="above", state="firing", severity=severity, started_at=self.now,
                fired_at=self.now, updated_at=self.now,
            )  # fmt: skip
            self.names[name] = episode
            fired.append(episode)
        enrol(fired, [], self.now)
        self.run()
        return fired

    def rise(self, name: str) -> None:
        """An alert grows critical."""
        self.names[name].severity = "critical"
        self.names[name].save(update_fields=["severity"])
        enrol([self.names[name]], [], self.now)
        self.run()

    def end(self, *names: str) -> None:
        """These alerts end now, and that is routed."""
        rows = [self.names[name] for name in names]
        for row in rows:
            row.state, row.ended_at, row.end_reason = "resolved", self.now, "ok"
            row.save(update_fields=["state", "ended_at", "end_reason"])
        enrol([], rows, self.now)
        self.run()

    def run(self) -> Any:
        return route(lambda: self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, flushing every five seconds as beat does."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=5))
            if AlertGroup.objects.filter(next_flush_at__lte=self.now).exists():
                self.run()

    def said(self) -> list[tuple[str, list[str], list[str]]]:
        """Every message so far: its reason, the hosts that fire in it, the hosts that ended."""
        return [self._words(row) for row in Notification.objects.order_by("pk")]

    def decided(self, name: str) -> list[tuple[str, str]]:
        rows = Decision.objects.filter(episode=self.names[name])
        return [(row.verdict, row.reason) for row in rows]

    def member(self, name: str) -> GroupMember:
        return GroupMember.objects.get(episode=self.names[name])

    @staticmethod
    def _words(row: Notification) -> tuple[str, list[str], list[str]]:
        listed = [one["labels"]["host"] for one in row.payload["breaches"]]
        ended = [one["labels"]["host"] for one in row.payload["ended"]]
        if row.purpose == "resolved":
            listed, ended = [], listed
        return row.reason, sorted(listed), sorted(ended)


@pytest.fixture
def desk(db, no_wake_ups) -> Desk:
    return Desk()


@pytest.fixture
def hook(db) -> Callable[[str], Channel]:
    return lambda name: channels.ensure("webhook", f"https://hooks.example.com/{name}", name=name)


@pytest.fixture
def receiver_of(db) -> Callable[..., Receiver]:
    """A receiver with these channels."""

    def make(name: str, *to: Channel, **fields: Any) -> Receiver:
        made = Receiver.objects.create(name=name, **fields)
        made.channels.set(to)
        return made

    return make


@pytest.fixture
def root(db) -> Route:
    """The root, also where another test's flush has emptied its table."""
    return Route.objects.get_or_create(parent=None, defaults={"name": "All alerts"})[0]


@pytest.fixture
def team(desk, root, hook, receiver_of) -> Receiver:
    """One receiver for everything, with one channel; groups by service."""
    receiver = receiver_of("team", hook("team"))
    Route.objects.filter(pk=root.pk).update(receiver=receiver, group_by=["service.name"])
    return receiver
