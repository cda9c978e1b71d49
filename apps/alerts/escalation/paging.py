"""From a step to rows of the outbox, and the word to those who were paged that it is over."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.alerts.delivery import NOTIFIERS
from apps.alerts.escalation.audience import Audience
from apps.alerts.escalation.plan import Plan
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.machine import Severity
from apps.alerts.models import (
    Channel,
    Episode,
    Escalation,
    GroupMember,
    Notification,
    Purpose,
)
from apps.alerts.services.owe import owe


def page(row: Escalation, plan: Plan, episodes: Sequence[Episode], found: Audience) -> None:
    """Owe every channel of the audience one message about the worst alert and those beside it."""
    first, *others = episodes
    payload = {
        **payload_for(first, Purpose.FIRING, first.rule, others),
        "purpose": Purpose.ESCALATION.value,
        "severity": row.severity,
        "escalation": _about(row, plan),
    }
    # Each round, repeat and step is news of its own; the same step run twice is not.
    news = f"escalation|{row.pk}|{row.round}|{row.repeat_no}|{row.step}"
    told: set[int] = set()
    for person, channels in [*found.people, (None, found.channels)]:
        # Two people behind one channel hear it once.
        fresh = [channel for channel in channels if channel.pk not in told]
        told |= {channel.pk for channel in fresh}
        owe(
            fresh, Purpose.ESCALATION, payload, news=news, episode=first, group=row.group,
            escalation_id=row.pk, person=person, severity=row.severity,
            priority=0 if row.severity == Severity.CRITICAL else 1,
        )  # fmt: skip


def tell_resolved(row: Escalation, episode: Episode) -> None:
    """Whoever was paged learns that it is over, unless the route tells that channel anyway."""
    payload = {
        **payload_for(episode, Purpose.RESOLVED, episode.rule),
        "escalation": _about(row, Plan.from_json(row.plan)),
    }
    routed = _routed(row)
    channels = [one for one in _paged(row, Q()) if one.pk not in routed]
    owe(
        channels, Purpose.RESOLVED, payload,
        news=f"escalation|{row.pk}|{row.round}|resolved", episode=episode, group=row.group,
        escalation_id=row.pk, severity=row.severity,
    )  # fmt: skip


def tell_acknowledged(row: Escalation, episodes: Sequence[Episode], by: str) -> None:
    """Whoever was paged learns that somebody has it, so that nobody else gets up for it."""
    first, *others = episodes
    payload = {
        **payload_for(first, Purpose.ACKNOWLEDGED, first.rule, others),
        "escalation": _about(row, Plan.from_json(row.plan)), "by": by,
    }  # fmt: skip
    people = Q(person__isnull=False) & ~Q(person__username=by)
    # What is nobody's own hears of it only where it can show it; the group tells those it told.
    showing = {kind for kind, one in NOTIFIERS.items() if one.shows_taken}
    routed = _routed(row)
    channels = [
        one
        for one in _paged(row, people | Q(person=None, kind__in=showing))
        if one.pk not in routed or one.kind not in showing
    ]
    owe(
        channels, Purpose.ACKNOWLEDGED, payload,
        news=f"escalation|{row.pk}|{row.version}|acknowledged", episode=first, group=row.group,
        escalation_id=row.pk, severity=row.severity,
    )  # fmt: skip


def _paged(row: Escalation, which: Q) -> list[Channel]:
    paged = Notification.objects.filter(which, escalation_id=row.pk, purpose=Purpose.ESCALATION)
    channels = Channel.objects.filter(enabled=True, notifications__in=paged)
    return list(channels.distinct().order_by("pk"))


def _routed(row: Escalation) -> set[int]:
    """The channels its group has told of the same alerts: it tells them the rest, too."""
    told = GroupMember.objects.filter(
        group=row.group_id, told_at__isnull=False, episode__escalations__escalation=row
    )
    return {pk for each in told.values_list("told_channels", flat=True) for pk in each}


def _about(row: Escalation, plan: Plan) -> dict[str, Any]:
    last = row.step >= len(plan.steps)
    words = {"level": row.step + 1, "of": len(plan.steps), "policy": plan.name}
    return {
        "id": row.pk,
        "policy": plan.name,
        "step": row.step,
        "repeat": row.repeat_no,
        "why": _("Nobody has acknowledged: the end of policy %(policy)s.") % words
        if last
        else _("Step %(level)d of %(of)d of policy %(policy)s.") % words,
    }
