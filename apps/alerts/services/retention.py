"""The end of what was noted about alerts long over: messages, decisions, events, groups.

Episodes stay, and so does everything about one that is open, is part of an incident, or still has
something owed or running: that is evidence, or work.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.alerts.clock import db_now
from apps.alerts.machine import ACTIVE
from apps.alerts.models import (
    AlertGroup,
    CalendarFeed,
    Decision,
    Digest,
    Enrolment,
    Episode,
    EpisodeEvent,
    Escalation,
    EscalationMember,
    EscalationState,
    GroupMember,
    IncidentEpisode,
    Notification,
    OutboxState,
    PolicyFault,
)

log = structlog.get_logger(__name__)
_AT_ONCE: Final = 2000
_BUDGET_S: Final = 20.0
_UNSETTLED: Final = (OutboxState.PENDING, OutboxState.SENDING)
_LIVE: Final = (
    EscalationState.RUNNING, EscalationState.ACKNOWLEDGED, EscalationState.EXHAUSTED,
)  # fmt: skip
Rows = Callable[[datetime], "QuerySet[Any, Any]"]


def prune() -> dict[str, int]:
    """Delete what is older than `PHAROS_ALERT_DAYS`, piece by piece within the time of one task.

    How many rows of each kind went. Any number may run at once.
    """
    before = db_now() - timedelta(days=settings.PHAROS_ALERT_DAYS)
    stop_at = time.monotonic() + _BUDGET_S
    gone: dict[str, int] = {}
    for name, rows in _KINDS.items():
        while time.monotonic() < stop_at:
            piece = _delete(rows(before))
            gone[name] = gone.get(name, 0) + piece
            if piece < _AT_ONCE:
                break
    if any(gone.values()):
        log.info("alert_history_pruned", **gone)
    return gone


def _delete(rows: "QuerySet[Any, Any]") -> int:
    with transaction.atomic():
        # Whoever holds a row has use for it: the next run looks again.
        locked = rows.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
        pks = list(locked.values_list("pk", flat=True)[:_AT_ONCE])
        if pks:
            rows.model._default_manager.filter(pk__in=pks).delete()
    return len(pks)


def _over(before: datetime) -> "QuerySet[Episode]":
    """Episodes that nothing is owed about and nobody will ask about as part of an incident."""
    mine = {"episode": OuterRef("pk")}
    return (
        Episode.objects.filter(ended_at__lt=before)
        .exclude(state__in=[str(state) for state in ACTIVE])
        .exclude(Exists(IncidentEpisode.objects.filter(**mine)))
        .exclude(Exists(Enrolment.objects.filter(**mine)))
        .exclude(Exists(GroupMember.objects.filter(**mine, cleared_at=None)))
        .exclude(Exists(Notification.objects.filter(**mine, state__in=_UNSETTLED)))
        .exclude(Exists(EscalationMember.objects.filter(**mine, escalation__state__in=_LIVE)))
    )


def _notifications(before: datetime) -> "QuerySet[Notification]":
    """With their attempts and receipts. Those of a group that still speaks of something stay: they
    answer for its open alerts, and their threads go on."""
    alive = GroupMember.objects.filter(group=OuterRef("group"), cleared_at=None)
    instead = Notification.objects.filter(fallback_of=OuterRef("pk"), state__in=_UNSETTLED)
    return (
        Notification.objects.filter(created_at__lt=before, incident=None)
        .filter(Q(episode=None) | Q(episode__in=_over(before)))
        .exclude(state__in=_UNSETTLED)
        .exclude(Exists(alive))
        .exclude(Exists(instead))
    )


def _groups(before: datetime) -> "QuerySet[AlertGroup]":
    return AlertGroup.objects.filter(
        ~Exists(GroupMember.objects.filter(group=OuterRef("pk"))),
        ~Exists(Notification.objects.filter(group=OuterRef("pk"))),
        Q(last_flush_at__lt=before) | Q(last_flush_at=None, created_at__lt=before),
        next_flush_at=None,
    )


def _escalations(before: datetime) -> "QuerySet[Escalation]":
    others = EscalationMember.objects.filter(escalation=OuterRef("pk")).exclude(
        episode__in=_over(before)
    )
    return Escalation.objects.filter(~Exists(others), ended_at__lt=before).exclude(state__in=_LIVE)


# Messages first: what they belong to goes when they are gone.
_KINDS: Final[dict[str, Rows]] = {
    "notifications": _notifications,
    "decisions": lambda before: Decision.objects.filter(at__lt=before, episode__in=_over(before)),
    "events": lambda before: EpisodeEvent.objects.filter(at__lt=before, episode__in=_over(before)),
    "members": lambda before: GroupMember.objects.filter(
        cleared_at__lt=before, episode__in=_over(before)
    ),
    "escalations": _escalations,
    "groups": _groups,
    "digests": lambda before: Digest.objects.filter(sent_at__lt=before),
    "faults": lambda before: PolicyFault.objects.filter(ended_at__lt=before),
    # An address of a calendar whose owner has no account any more.
    "feeds": lambda before: CalendarFeed.objects.filter(
        person__is_active=False, created_at__lt=before
    ),
}
