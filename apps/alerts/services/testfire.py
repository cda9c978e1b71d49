"""Test-fire a rule: a marked message through the whole path, and no alert left behind."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.evaluation import conditions
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.evaluation.observed import Observed, fingerprint
from apps.alerts.evaluation.sources import StoreSource
from apps.alerts.machine import Severity, State
from apps.alerts.matchers import labels_of
from apps.alerts.models import (
    Channel,
    Episode,
    EscalationPolicy,
    Notification,
    Purpose,
    Receiver,
    Rule,
)
from apps.alerts.routing import tree
from apps.alerts.services import rulebook
from apps.alerts.services.owe import owe
from apps.alerts.services.policies import preview
from apps.core.errors import ConflictError, PortalError
from apps.core.services import audit as trail


def fire(rule: Rule, actor: str) -> list[Notification]:
    """Owe every receiver of an alert of this rule a test message, with what the rule sees now.

    Receivers are the rule's own channels, those of the routes its labels take, and whom their
    policies would page first. Raises ConflictError when nobody would be told: that is what the
    test was to find out.
    """
    episode = _episode(rule)
    channels = receivers(rule, episode)
    if not channels:
        raise ConflictError(
            "Nobody would be told: the rule has no enabled channel, and its route no receiver.",
            {"rule": rule.pk},
        )
    payload = {**payload_for(episode, Purpose.TEST, rule), **_marked(rule)}
    with transaction.atomic():
        trail.record(actor, "rule.test", rule.name, None, {"channels": len(channels)})
        return owe(
            channels, Purpose.TEST, payload, news=f"test:{uuid.uuid4()}",
            severity=episode.severity, reason="test", priority=0,
        )  # fmt: skip


def receivers(rule: Rule, episode: Episode) -> list[Channel]:
    """Whom an alert of this rule with these labels reaches at once."""
    root = tree.load()
    nodes = tree.matching(root, labels_of(episode)) if root else []
    told = [node.options.receiver_id for node in nodes if node.options.receiver_id is not None]
    of_routes = Channel.objects.filter(
        receivers__in=Receiver.objects.filter(pk__in=told), enabled=True
    )
    policies = EscalationPolicy.objects.filter(Q(receivers__in=told) | Q(rules=rule.pk)).distinct()
    paged = [one for policy in policies for one in _first_paged(policy, episode.severity)]
    found = [*rule.channels.filter(enabled=True), *of_routes, *paged]
    return list({channel.pk: channel for channel in found}.values())


def _first_paged(policy: EscalationPolicy, severity: str) -> list[Channel]:
    """The channels of the first step that would reach somebody now."""
    for _words, audience in preview(policy, severity, db_now()):
        if audience.people or audience.channels:
            people = [one for _person, ways in audience.people for one in ways]
            return [*people, *audience.channels]
    return []


def _episode(rule: Rule) -> Episode:
    """What an alert would be now; never stored."""
    worst = _worst(rule)
    severity = Severity.CRITICAL if rule.critical is not None else Severity.WARNING
    now = timezone.now()
    return Episode(
        id=uuid.uuid4(), rule=rule, rule_name=rule.name, fingerprint=fingerprint(worst.labels),
        labels=dict(worst.labels), metric=rule.metric,
        unit=conditions.of(rule).unit(rule, StoreSource()), direction=rule.direction,
        state=State.FIRING, severity=severity, value=worst.value, peak=worst.value,
        threshold=worst.limit(rule, severity), facts=dict(worst.facts or {}),
        started_at=now, fired_at=now, updated_at=now,
    )  # fmt: skip


def _worst(rule: Rule) -> Observed:
    try:
        found = [one for one in rulebook.probe(rule) if one.value is not None]
    except (PortalError, conditions.ConfigError):
        found = []
    above = rule.thresholds.above
    return max(
        found,
        key=lambda one: (one.value or 0.0) * (1 if above else -1),
        default=Observed(rule.scope, None),
    )


def _marked(rule: Rule) -> dict[str, Any]:
    page = f"{conf.base_url()}/admin/alerts/rule/{rule.pk}/change/"
    return {"test": True, "episode": None, "url": page, "links": {"rule": page}}
