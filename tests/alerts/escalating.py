"""Policies, people and episodes for the tests of escalation and on-call."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F

from apps.alerts.escalation import escalate_due
from apps.alerts.evaluation.clock import db_now
from apps.alerts.models import (
    Channel,
    ContactMethod,
    Episode,
    Escalation,
    EscalationPolicy,
    EscalationStep,
    Notification,
)
from apps.alerts.services import channels


def webhook(name: str) -> Channel:
    return channels.ensure("webhook", f"https://hooks.example.com/{name}", name=name)


def person(name: str, **contact: Any) -> User:
    """Somebody with one contact method, a channel of their name."""
    user = User.objects.create_user(name)
    ContactMethod.objects.create(person=user, channel=webhook(name), **contact)
    return user


def policy(*steps: dict[str, Any], name: str = "Payments", last: str = "last") -> EscalationPolicy:
    made = EscalationPolicy.objects.create(name=name, catch_all=webhook(last))
    EscalationStep.objects.bulk_create(
        EscalationStep(policy=made, position=n, **step) for n, step in enumerate(steps)
    )
    return made


def episode(severity: str = "critical", **columns: Any) -> Episode:
    now = db_now()
    values = {
        "rule_name": "Errors", "fingerprint": uuid.uuid4().hex, "metric": "errors", "unit": "1",
        "direction": "above", "state": "firing", "severity": severity, "value": 7,
        "threshold": 5, "started_at": now, "fired_at": now, "updated_at": now, **columns,
    }  # fmt: skip
    return Episode.objects.create(**values)


def later(seconds: float) -> int:
    """So many seconds pass for every escalation; the steps that came due."""
    Escalation.objects.filter(next_at__isnull=False).update(
        next_at=F("next_at") - timedelta(seconds=seconds)
    )
    return escalate_due()


def told() -> list[str]:
    """The channels that were owed something, in order."""
    rows = Notification.objects.order_by("pk").select_related("channel")
    return [row.channel.name if row.channel else "" for row in rows]
