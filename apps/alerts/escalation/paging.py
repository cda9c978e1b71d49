"""From a step to rows of the outbox, and the word to those who were paged that it is over."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.alerts.escalation.audience import Audience
from apps.alerts.escalation.plan import Plan
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.machine import Severity
from apps.alerts.models import Channel, Episode, Escalation, Notification, Purpose
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
    paged = Notification.objects.filter(escalation_id=row.pk, purpose=Purpose.ESCALATION)
    channels = Channel.objects.filter(enabled=True, notifications__in=paged).distinct()
    if row.group_id is not None:
        routed = Notification.objects.filter(group_id=row.group_id, purpose=Purpose.FIRING)
        channels = channels.exclude(pk__in=routed.values("channel"))
    payload = {
        **payload_for(episode, Purpose.RESOLVED, episode.rule),
        "escalation": _about(row, Plan.from_json(row.plan)),
    }
    owe(
        list(channels), Purpose.RESOLVED, payload,
        news=f"escalation|{row.pk}|{row.round}|resolved", episode=episode, group=row.group,
        escalation_id=row.pk, severity=row.severity,
    )  # fmt: skip


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
