"""What a message tells, as JSON; fixed when it is owed, so that every attempt says the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from apps.alerts import conf
from apps.alerts.links import ack_url
from apps.alerts.machine import OPEN
from apps.alerts.models import Episode, Purpose, Rule

_ALSO_SHOWN: Final = 10


def payload_for(
    episode: Episode,
    purpose: Purpose,
    rule: Rule | None = None,
    also: Sequence[Episode] = (),
    *,
    ended: Sequence[Episode] = (),
    group: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of a message; `episode` stands at its head.

    `breaches` holds the head and up to ten of `also`, `ended` up to ten that ended since the last
    message; `…_not_shown` count the rest. `group` is there for messages of a group: `id`,
    `labels`, `route`, `receiver`, `seq`, `reason` (first, new, raised, unmuted, resolved,
    all_resolved, repeat), and how many are `firing` and `ended`. `rule` defaults to the
    episode's; foreign alerts have none, and `rule.id` is None.
    """
    rule = rule or episode.rule
    since = episode.fired_at or episode.started_at
    others = [one for one in also if one.pk != episode.pk]
    payload: dict[str, Any] = {
        "purpose": purpose.value,
        "episode": str(episode.pk),
        "rule": {
            "id": rule.pk if rule else None,
            "name": rule.name if rule else episode.rule_name,
            "summary": rule.summary if rule else str(getattr(episode, "summary", "")),
        },
        "severity": episode.severity,
        "state": episode.state,
        "scope": episode.labels,
        "breaches": [_breach(one) for one in (episode, *others[:_ALSO_SHOWN])],
        "breaches_not_shown": max(0, len(others) - _ALSO_SHOWN),
        "since": since.isoformat(),
        "ended_at": episode.ended_at.isoformat() if episode.ended_at else None,
        "duration_s": _seconds(since, episode.ended_at),
        "reason": episode.end_reason or "breach",
        "url": conf.episode_url(episode.pk),
        "runbook": str(getattr(rule, "runbook", "") or ""),
        "links": _links(episode),
    }
    if group is not None:
        payload["group"] = dict(group)
        payload["ended"] = [_ended(one) for one in ended[:_ALSO_SHOWN]]
        payload["ended_not_shown"] = max(0, len(ended) - _ALSO_SHOWN)
    return payload


def _links(episode: Episode) -> dict[str, str]:
    links = {"episode": conf.episode_url(episode.pk), "why": conf.why_url(episode.pk)}
    if episode.state in OPEN:
        links["acknowledge"] = ack_url(episode.pk)
    external = str(getattr(episode, "external_url", ""))
    return {**links, "external": external} if external else links


def _breach(episode: Episode) -> dict[str, Any]:
    rule = episode.rule
    return {
        "episode": str(episode.pk),
        "rule": episode.rule_name,
        "metric": episode.metric,
        "aggregation": rule.aggregation if rule else "",
        "unit": episode.unit,
        "labels": episode.labels,
        "direction": episode.direction,
        "value": episode.value,
        "worst": episode.peak,
        "threshold": episode.threshold,
        "severity": episode.severity,
        "since": (episode.fired_at or episode.started_at).isoformat(),
    }


def _ended(episode: Episode) -> dict[str, Any]:
    since = episode.fired_at or episode.started_at
    return {
        **_breach(episode),
        "ended_at": episode.ended_at.isoformat() if episode.ended_at else None,
        "duration_s": _seconds(since, episode.ended_at),
        "reason": episode.end_reason,
    }


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if end else None
