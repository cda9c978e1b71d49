"""From an episode to rows of the outbox."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from apps.alerts import conf
from apps.alerts.machine import Reason, Severity
from apps.alerts.models import Channel, Episode, Notification, Purpose, Rule
from apps.alerts.template import render

_ALSO_SHOWN = 10


def notices(
    episode: Episode, purpose: Purpose, channels: Iterable[Channel], payload: dict[str, Any]
) -> list[Notification]:
    """One outbox row for each channel; the key makes a second one for the same news impossible."""
    return [
        Notification(
            key=_key(episode, purpose, channel),
            episode=episode,
            channel=channel,
            kind=channel.kind,
            purpose=purpose,
            severity=episode.severity,
            priority=_priority(episode, purpose),
            payload=payload,
        )
        for channel in channels
    ]


def payload_for(
    episode: Episode, purpose: Purpose, rule: Rule, also: Sequence[Episode] = ()
) -> dict[str, Any]:
    """What the message tells, as JSON; fixed at this moment so that every attempt says the same."""
    since = episode.fired_at or episode.started_at
    others = [one for one in also if one.pk != episode.pk]
    return {
        "purpose": purpose.value,
        "episode": str(episode.pk),
        "rule": {"id": rule.pk, "name": episode.rule_name, "summary": _summary(episode, rule)},
        "runbook": rule.runbook,
        "severity": episode.severity,
        "state": episode.state,
        "scope": episode.labels,
        "breaches": [_breach(episode, rule), *(_breach(o, rule) for o in others[:_ALSO_SHOWN])],
        "breaches_not_shown": max(0, len(others) - _ALSO_SHOWN),
        "since": since.isoformat(),
        "ended_at": episode.ended_at.isoformat() if episode.ended_at else None,
        "duration_s": _seconds(since, episode.ended_at),
        "reason": episode.end_reason or "breach",
        "url": conf.episode_url(episode.pk),
    }


def _summary(episode: Episode, rule: Rule) -> str:
    # An alert on the rule itself says what is the matter with it.
    own = episode.reason in (Reason.ERROR, Reason.OVERFLOW)
    return rule.last_error if own else told(rule, episode)


def _breach(episode: Episode, rule: Rule) -> dict[str, Any]:
    return {
        "metric": episode.metric,
        "aggregation": rule.aggregation if episode.metric == rule.metric else "last",
        "unit": episode.unit,
        "labels": episode.labels,
        "direction": episode.direction,
        "value": episode.value,
        "worst": episode.peak,
        "threshold": episode.threshold,
        "severity": episode.severity,
        "since": (episode.fired_at or episode.started_at).isoformat(),
        "facts": episode.facts,
    }


def told(rule: Rule, episode: Episode) -> str:
    """The rule's message filled in for this episode; its summary where it has none."""
    if not rule.message:
        return rule.summary
    return render(
        rule.message,
        {
            "rule": rule.name,
            "summary": rule.summary,
            "metric": episode.metric,
            "unit": episode.unit,
            "value": episode.value,
            "worst": episode.peak,
            "threshold": episode.threshold,
            "severity": episode.severity,
            "state": episode.state,
            "labels": episode.labels,
            "facts": episode.facts,
        },
    )


def _key(episode: Episode, purpose: Purpose, channel: Channel) -> str:
    # A rise in severity is news of its own within the episode; nothing else is said twice.
    news = f"{purpose}:{episode.severity}" if purpose == Purpose.FIRING else str(purpose)
    return hashlib.sha256(f"{episode.pk}|{news}|{channel.pk}".encode()).hexdigest()


def _priority(episode: Episode, purpose: Purpose) -> int:
    return 0 if purpose == Purpose.FIRING and episode.severity == Severity.CRITICAL else 1


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if end else None
