"""A rule's channel may be its route's too: what one group has told a channel, another need not."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection

from apps.alerts.machine import RANK, Severity
from apps.alerts.models import AlertGroup, Channel, EscalationMember, EscalationPolicy, GroupMember
from apps.alerts.models.escalation import EscalationState


def untold(
    group: AlertGroup, channels: Sequence[Channel], needed: Mapping[UUID, str], own: Collection[int]
) -> tuple[Channel, ...]:
    """The channels, but those that other groups have told of all the `needed` episodes.

    `needed`: the severity of each; what was told as less does not count. `own`: channels that are
    this group's to tell whatever others said. Belongs in the transaction of the flush: of two
    groups that flush one episode at once the second waits here, and sees what the first has told.
    """
    shared = GroupMember.objects.filter(episode__in=needed, cleared_at=None).exclude(group=group)
    if not channels or not shared.exists():
        return tuple(channels)
    _one_at_a_time(f"channel {channel.pk}" for channel in channels)
    heard: dict[int, set[UUID]] = defaultdict(set)
    told = shared.filter(told_at__isnull=False)
    for pk, ids, severity in told.values_list("episode_id", "told_channels", "told_severity"):
        if severity and RANK[Severity(severity)] >= RANK[Severity(needed[pk])]:
            for channel in ids:
                heard[channel].add(pk)
    return tuple(one for one in channels if one.pk in own or not needed.keys() <= heard[one.pk])


def escalated(group: AlertGroup, policy: EscalationPolicy, episodes: Collection[UUID]) -> set[UUID]:
    """Those of the episodes that this policy escalates already for another group."""
    mine = EscalationMember.objects.filter(
        episode__in=episodes, escalation__policy=policy,
        escalation__state__in=[EscalationState.RUNNING, EscalationState.ACKNOWLEDGED],
    ).exclude(escalation__group=group)  # fmt: skip
    shared = GroupMember.objects.filter(episode__in=episodes, cleared_at=None).exclude(group=group)
    if not shared.exists():
        return set()
    _one_at_a_time([f"policy {policy.pk}"])
    return set(mine.values_list("episode_id", flat=True))


def _one_at_a_time(names: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        # In one order, so that two flushes cannot wait for each other here.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('alerts.tell ' || name, 20))"
            " FROM (SELECT unnest(%s::text[]) AS name ORDER BY 1) AS sorted",
            [sorted(names)],
        )
