"""A channel that was off is on again: what it would have told meanwhile is told."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.machine import OPEN
from apps.alerts.models import (
    AlertGroup,
    Channel,
    EscalationMember,
    GroupMember,
    MemberState,
    Notification,
    OutboxState,
    Purpose,
)
from apps.alerts.outbox import kick_on_commit
from apps.alerts.routing.enrol import enrol_open, flush_now
from apps.alerts.routing.reasons import Reason
from apps.alerts.services.envelopes import SWITCHED_OFF


def catch_up(channel: Channel) -> None:
    """Tell what is open still and nobody was told of, or was owed and given up while it was off.

    Belongs in the transaction that switched it on. What other channels of the receiver have told
    meanwhile is not told again: it comes with the next repeat.
    """
    # A rule whose only channel was off had nobody to tell, and so no group.
    enrol_open(channel=channel.pk)
    _forget_given_up(channel)
    open_still = GroupMember.objects.filter(cleared_at=None, episode__state__in=OPEN)
    flush_now(
        AlertGroup.objects.filter(
            Q(receiver__channels=channel) | Q(rule__channels=channel),
            pk__in=open_still.filter(told_at=None).values("group"), last_flush_at__isnull=False,
        )
    )  # fmt: skip
    _page_again(channel)


def _forget_given_up(channel: Channel) -> None:
    """Alerts that this channel alone was to tell, and never did, have not been told."""
    mine = GroupMember.objects.filter(
        cleared_at=None, told_channels=[channel.pk], episode__state__in=OPEN
    )
    last = _last(channel, Purpose.FIRING, "group_id", mine.values("group"))
    groups = {row.group_id for row in last if row.group_id and row.reason != Reason.REPEAT}
    # No flush of theirs may write to the members meanwhile.
    locked = AlertGroup.objects.select_for_update(no_key=True).filter(pk__in=groups)
    list(locked.order_by("pk").values_list("pk"))
    mine.filter(group__in=groups).update(told_at=None, told_severity="", told_channels=[])


def _page_again(channel: Channel) -> None:
    """Of each escalation with something nobody has taken, the last page where it was given up."""
    waiting = EscalationMember.objects.filter(state=MemberState.OPEN).values("escalation")
    pages = [row.pk for row in _last(channel, Purpose.ESCALATION, "escalation_id", waiting)]
    if pages:
        Notification.objects.filter(pk__in=pages, state=OutboxState.DEAD).update(
            state=OutboxState.PENDING, next_attempt_at=Now(), error="", outcome="",
            attempts_allowed=F("attempt") + conf.ATTEMPTS,
        )  # fmt: skip
        kick_on_commit([channel.kind])


def _last(
    channel: Channel, purpose: Purpose, subject: str, among: QuerySet[Any, Any]
) -> list[Notification]:
    """The last message of each subject, where nobody had it, no other channel instead either."""
    newest = (
        Notification.objects.filter(channel=channel, purpose=purpose, **{f"{subject}__in": among})
        .annotate(stood_in=Exists(Notification.objects.filter(fallback_of=OuterRef("pk"))))
        .order_by(subject, "-pk")
        .distinct(subject)
        .defer("payload")
    )
    given_up = (OutboxState.DEAD, SWITCHED_OFF, False)
    return [row for row in newest if (row.state, row.error, row.stood_in) == given_up]
