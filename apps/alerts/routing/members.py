"""What a group has said of each of its alerts, and to whom."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Coalesce

from apps.alerts.machine import RANK, Severity
from apps.alerts.models import AlertGroup, Channel, GroupMember, Verdict


def rank(member: GroupMember) -> tuple[int, datetime, UUID]:
    """The worst first, then the oldest."""
    episode = member.episode
    since = episode.fired_at or episode.started_at
    return -RANK[Severity(episode.severity)], since, episode.pk


def raised(member: GroupMember) -> bool:
    """Whether it is worse than what was told of it."""
    if member.told_at is None or not member.told_severity:
        return False
    return RANK[Severity(member.episode.severity)] > RANK[Severity(member.told_severity)]


def was_held(member: GroupMember) -> bool:
    """Whether it was told once, and held back since."""
    return member.told_at is not None and member.verdict.startswith(f"{Verdict.SUPPRESSED}:")


def note_told(
    members: Sequence[GroupMember], severity: str, channels: list[int], group: AlertGroup
) -> None:
    """Note that these were told; who was told once stays on the list for the end."""
    alike: dict[tuple[tuple[int, ...], str], list[int]] = defaultdict(list)
    for one in members:
        # The worst that was told: swinging back and forth is no news each time.
        worst = severity if not one.told_severity or raised(one) else one.told_severity
        alike[tuple(one.told_channels), worst].append(one.pk)
    for (told, worst), ids in alike.items():
        GroupMember.objects.filter(pk__in=ids).update(
            told_channels=sorted({*told, *channels}),
            told_at=Coalesce("told_at", Value(group.last_flush_at)),
            told_seq=Coalesce("told_seq", Value(group.flush_seq)),
            told_severity=worst,
        )


def channels_told(members: Sequence[GroupMember]) -> list[Channel]:
    """Every channel that was told of any of them."""
    ids = {pk for one in members for pk in one.told_channels}
    return list(Channel.objects.filter(pk__in=ids).order_by("pk"))
