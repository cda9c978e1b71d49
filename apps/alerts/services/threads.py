"""Which message opened the thread that a further one belongs to."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q

from apps.alerts.models import Notification

# A thread whose beginning lies further back begins anew.
_LOOKED_AT: Final = 500


def opened(rows: Sequence[Notification]) -> dict[int, str]:
    """The provider's id of the message that opened each row's thread in its channel, by row.

    A thread is a group of alerts from one first message to the next; without a group, an episode.
    Rows that open a thread, or whose provider gives no ids, are left out. One query for all.
    """
    later = [row for row in rows if _subject(row) is not None and row.reason != "first"]
    if not later:
        return {}
    known = (
        Notification.objects.filter(
            Q(group_id__in={row.group_id for row in later if row.group_id})
            | Q(episode_id__in={row.episode_id for row in later if not row.group_id}),
            channel_id__in={row.channel_id for row in later},
        )
        .exclude(provider_id="")
        .order_by("-pk")
        .only("pk", "group_id", "episode_id", "channel_id", "provider_id", "reason")[:_LOOKED_AT]
    )
    first: dict[Any, str] = {}
    for one in reversed(known):
        place = (_subject(one), one.channel_id)
        if one.reason == "first" or place not in first:
            first[place] = one.provider_id
    found = {row.pk: first.get((_subject(row), row.channel_id), "") for row in later}
    return {pk: thread for pk, thread in found.items() if thread}


def _subject(row: Notification) -> Any:
    return row.group_id or row.episode_id
