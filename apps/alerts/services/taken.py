"""Tell those who were told of an alert that somebody has taken it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from apps.alerts.delivery import NOTIFIERS
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.models import Acknowledgement, Channel, Episode, GroupMember, Purpose
from apps.alerts.services.owe import owe


def tell(episodes: Sequence[Episode], by: str) -> None:
    """Owe the news to every channel that was told of these and can show it.

    Belongs in the transaction of the acknowledgement. A pager's alert stands for a whole group: it
    is told only when nothing of what it knows of is left to be taken.
    """
    pks = {one.pk for one in episodes}
    told = GroupMember.objects.filter(episode__in=pks, told_at__isnull=False, cleared_at=None)
    groups = {member.group_id: member.group for member in told.select_related("group")}
    if not groups:
        return
    members: dict[Any, list[GroupMember]] = defaultdict(list)
    alive = GroupMember.objects.filter(
        group__in=groups, told_at__isnull=False, cleared_at=None
    ).select_related("episode")
    for member in alive:
        members[member.group_id].append(member)
    taken = set(
        Acknowledgement.objects.filter(
            episode__in=[one.episode_id for each in members.values() for one in each], ended_at=None
        ).values_list("episode_id", flat=True)
    )
    channels = _channels(members)
    for pk, group in groups.items():
        _owe(group, members[pk], channels, pks, taken, by)


def _owe(
    group: Any, members: list[GroupMember], channels: dict[int, Channel], pks: set[Any],
    taken: set[Any], by: str,
) -> None:  # fmt: skip
    own = [one.episode for one in members if one.episode_id in pks]
    whole = all(one.episode_id in taken for one in members)
    told = {pk for one in members if one.episode_id in pks for pk in one.told_channels}
    receivers = [
        channels[pk]
        for pk in sorted(told)
        if pk in channels and (whole or not NOTIFIERS[channels[pk].kind].one_alert_a_group)
    ]
    head = min(own, key=lambda one: (one.fired_at or one.started_at, one.pk))
    facts = {"id": str(group.pk), "labels": group.labels, "life": group.life}
    payload = {**payload_for(head, Purpose.ACKNOWLEDGED, also=own, group=facts), "by": by}
    acks = Acknowledgement.objects.filter(episode__in=own, ended_at=None)
    # Taken again after it was let go is news again.
    news = "|".join(str(pk) for pk in sorted(acks.values_list("pk", flat=True)))
    owe(
        receivers, Purpose.ACKNOWLEDGED, payload,
        news=f"{group.pk}|acknowledged|{news}",
        episode=head, group=group, severity=head.severity,
    )  # fmt: skip


def _channels(members: dict[Any, list[GroupMember]]) -> dict[int, Channel]:
    ids = {pk for each in members.values() for one in each for pk in one.told_channels}
    kinds = [kind for kind, notifier in NOTIFIERS.items() if notifier.shows_taken]
    return {one.pk: one for one in Channel.objects.filter(pk__in=ids, kind__in=kinds, enabled=True)}
