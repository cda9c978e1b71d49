"""Test-fire a rule: judged and routed as an alert would be now, told as a test, nothing kept.

No episode is stored, so that no incident opens and no history, flapping or noise counts it.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

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
    Route,
    Rule,
)
from apps.alerts.routing import tree
from apps.alerts.services import rulebook, testcap
from apps.alerts.services.owe import owe
from apps.alerts.services.policies import preview
from apps.alerts.suppression import Kind, judge
from apps.core.errors import ConflictError, InvalidInputError, PortalError
from apps.core.services import audit as trail


@dataclass(frozen=True)
class Leg:
    """One way an alert of the rule would take. `why`: what keeps it from being told there."""

    via: str
    receiver: str = ""
    channels: tuple[tuple[Channel, User | None], ...] = ()
    why: str = ""
    text: str = ""


@dataclass(frozen=True)
class Fired:
    """What was seen, whom it would reach, and the messages owed. `verdict`: what the worst series
    amounts to now; None: it breaches nothing, or nothing is seen."""

    episode: Episode
    series: int
    verdict: Severity | None
    legs: tuple[Leg, ...]
    owed: list[Notification] = field(default_factory=list)


def fire(rule: Rule, actor: str, *, severity: str = "", escalate: bool = False) -> Fired:
    """Owe everybody an alert of this rule would reach now a test message with what the rule sees.

    They are the rule's own channels and those of the routes its labels take, unless a silence or
    the like holds it back there; with `escalate` also whom the policies would page first. Raises
    InvalidInputError for a severity without a threshold, and ConflictError when there is nobody
    the rule or its routes would ever tell, or when everybody had their fill of tests.
    """
    seen = _seen(rule)
    worst = _worst(rule, seen)
    episode = _episode(rule, worst, _severity(rule, severity))
    now = episode.updated_at
    legs = [*_routes(rule, episode, now), *_escalations(rule, episode, now, wanted=escalate)]
    if not any(leg.channels for leg in legs):
        raise ConflictError(
            "Nobody would be told: the rule has no enabled channel, and its route no receiver.",
            {"rule": rule.pk},
        )
    with transaction.atomic():
        legs = _within_cap(legs)
        owed = _owe(rule, episode, legs, actor)
    return Fired(episode, len(seen), worst.severity(rule), tuple(legs), owed)


def _owe(rule: Rule, episode: Episode, legs: Sequence[Leg], actor: str) -> list[Notification]:
    told: dict[int, tuple[Channel, User | None]] = {}
    for leg in legs:
        if not leg.why:
            for channel, person in leg.channels:
                told.setdefault(channel.pk, (channel, person))
    payload = {**payload_for(episode, Purpose.TEST, rule), **_marked(rule)}
    trail.record(actor, "rule.test", rule.name, None, {"channels": len(told)})
    news = f"test:{uuid.uuid4()}"
    return [
        row
        for channel, person in told.values()
        for row in owe(
            [channel], Purpose.TEST, payload, news=news, person=person,
            severity=episode.severity, reason="test", priority=0,
        )
    ]  # fmt: skip


def _routes(rule: Rule, episode: Episode, now: datetime) -> list[Leg]:
    """The rule's own channels, then every route its labels take."""
    own = _of_nobody(rule.channels.filter(enabled=True).order_by("pk"))
    legs = [_judged(Leg("rule", rule.name, own), episode, now, None)] if own else []
    root = tree.load()
    nodes = tree.matching(root, labels_of(episode)) if root else []
    receivers = Receiver.objects.prefetch_related("channels").in_bulk(
        {one.options.receiver_id for one in nodes} - {None}
    )
    routes = Route.objects.in_bulk([one.id for one in nodes])
    for node in nodes:
        via, receiver = " › ".join(node.path), receivers.get(node.options.receiver_id or 0)
        if receiver is None:
            legs.append(Leg(via, why="no_receiver"))
            continue
        channels = _of_nobody(one for one in receiver.channels.all() if one.enabled)
        leg = Leg(via, receiver.name, channels, "" if channels else "no_channels")
        legs.append(_judged(leg, episode, now, routes.get(node.id)))
    return legs


def _judged(leg: Leg, episode: Episode, now: datetime, route: Route | None) -> Leg:
    held = judge([episode], now, route=route)[episode.pk]
    # A first page that waits some seconds for an explanation is told all the same.
    if leg.why or held is None or held.kind is Kind.HELD:
        return leg
    return Leg(leg.via, leg.receiver, leg.channels, str(held.kind), held.text)


def _escalations(rule: Rule, episode: Episode, now: datetime, *, wanted: bool) -> list[Leg]:
    """Whom each policy's first step that reaches somebody would page."""
    root = tree.load()
    nodes = tree.matching(root, labels_of(episode)) if root else []
    told = [node.options.receiver_id for node in nodes if node.options.receiver_id is not None]
    policies = EscalationPolicy.objects.filter(receivers__in=told).distinct()
    both = {one.pk: one for one in [*policies, *([rule.policy] if rule.policy else [])]}
    legs = []
    for policy in both.values():
        words, channels = _first(policy, episode.severity, now)
        leg = Leg(policy.name, words, channels, "not_asked")
        if wanted:
            leg = Leg(policy.name, words, channels, "" if channels else "no_channels")
            leg = _judged(leg, episode, now, None)
        legs.append(leg)
    return legs


def _first(
    policy: EscalationPolicy, severity: str, now: datetime
) -> tuple[str, tuple[tuple[Channel, User | None], ...]]:
    for words, audience in preview(policy, severity, now):
        if audience.people or audience.channels:
            people = [(way, person) for person, ways in audience.people for way in ways]
            return words, (*people, *_of_nobody(audience.channels))
    return "", ()


def _within_cap(legs: Sequence[Leg]) -> list[Leg]:
    """Without the channels that had their fill. Raises ConflictError when nobody is left so."""
    full = testcap.full({channel.pk for leg in legs for channel, _person in leg.channels})
    told = {channel.pk for leg in legs if not leg.why for channel, _person in leg.channels}
    if told and told <= full:
        raise ConflictError(
            f"Everybody it would tell had {conf.MOST_TESTS} tests within"
            f" {conf.TESTS_WITHIN_S // 60} minutes: wait a while.",
            {"most": conf.MOST_TESTS, "within_s": conf.TESTS_WITHIN_S},
        )
    return [_thinned(leg, full) for leg in legs]


def _thinned(leg: Leg, full: set[int]) -> Leg:
    left = tuple(one for one in leg.channels if one[0].pk not in full)
    if leg.why or left == leg.channels:
        return leg
    return Leg(leg.via, leg.receiver, left, "" if left else "capped")


def _of_nobody(channels: Iterable[Channel]) -> tuple[tuple[Channel, User | None], ...]:
    return tuple((channel, None) for channel in channels)


def _severity(rule: Rule, asked: str) -> Severity:
    known = [one for one in Severity if getattr(rule, one.value) is not None]
    if asked and asked not in known:
        raise InvalidInputError(f"The rule has no {asked} threshold.", {"severity": asked})
    if asked:
        return Severity(asked)
    return Severity.CRITICAL if Severity.CRITICAL in known else Severity.WARNING


def _episode(rule: Rule, worst: Observed, severity: Severity) -> Episode:
    """What an alert would be now; never stored."""
    now = db_now()
    return Episode(
        id=uuid.uuid4(), rule=rule, rule_name=rule.name, fingerprint=fingerprint(worst.labels),
        labels=dict(worst.labels), metric=rule.metric,
        unit=conditions.of(rule).unit(rule, StoreSource()), direction=rule.direction,
        state=State.FIRING, severity=severity, value=worst.value, peak=worst.value,
        threshold=worst.limit(rule, severity), facts=dict(worst.facts or {}),
        started_at=now, fired_at=now, updated_at=now,
    )  # fmt: skip


def _seen(rule: Rule) -> list[Observed]:
    try:
        return [one for one in rulebook.probe(rule) if one.value is not None]
    except (PortalError, conditions.ConfigError):
        return []


def _worst(rule: Rule, seen: Sequence[Observed]) -> Observed:
    above = rule.thresholds.above
    return max(
        seen,
        key=lambda one: (one.value or 0.0) * (1 if above else -1),
        default=Observed(rule.scope, None),
    )


def _marked(rule: Rule) -> dict[str, Any]:
    page = f"{conf.base_url()}/admin/alerts/rule/{rule.pk}/change/"
    return {"test": True, "episode": None, "url": page, "links": {"rule": page}}
