"""Which message opened the thread that a further one belongs to."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q

from apps.alerts.models import Notification

# A thread whose beginning lies further back begins anew.
_LOOKED_AT: Final = 500


def subject(row: Notification) -> str:
    """What a message is about: a life of a group of alerts, an incident, an episode, or nothing."""
    if row.incident_id:
        return f"incident-{row.incident_id}"
    told = (row.payload.get("group") or {}).get("life")
    # Pages of an escalation tell no life; they are about the one that lasts.
    life = told or (row.group.life if row.group else None)
    return _subject(row.group_id, life, row.episode_id)


def opened(rows: Sequence[Notification]) -> dict[int, str]:
    """The provider's id of the first message about each row's subject to its channel, by row.

    Rows that open a thread, or whose provider gives no ids, are left out. One query for all.
    """
    groups = {row.group_id for row in rows if row.group_id}
    episodes = {row.episode_id for row in rows if row.episode_id and not row.group_id}
    incidents = {row.incident_id for row in rows if row.incident_id}
    if not groups and not episodes and not incidents:
        return {}
    known = (
        Notification.objects.filter(
            Q(group_id__in=groups)
            | Q(group_id=None, episode_id__in=episodes)
            | Q(incident_id__in=incidents),
            channel_id__in={row.channel_id for row in rows},
        )
        .exclude(provider_id="")
        .order_by("-pk")
        .values_list(
            "pk",
            "group_id",
            "payload__group__life",
            "group__life",
            "episode_id",
            "incident_id",
            "channel_id",
            "provider_id",
        )[:_LOOKED_AT]
    )
    # The oldest comes last and stays.
    first: dict[tuple[str, Any], tuple[int, str]] = {
        (
            f"incident-{incident}" if incident else _subject(group, told or life, episode),
            channel,
        ): (pk, provider_id)
        for pk, group, told, life, episode, incident, channel, provider_id in known
    }
    found = {row.pk: first.get((subject(row), row.channel_id)) for row in rows}
    return {pk: one[1] for pk, one in found.items() if one is not None and one[0] < pk}


def _subject(group: Any, life: Any, episode: Any) -> str:
    if group:
        return f"{group}-{life or 0}"
    return str(episode or "")
