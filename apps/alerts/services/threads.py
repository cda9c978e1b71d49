"""Which message opened the thread that a further one belongs to."""

from collections.abc import Sequence
from typing import Any

from apps.alerts.models import Notification


def opened(rows: Sequence[Notification]) -> dict[int, str]:
    """The provider's id of the first message about each row's episode to its channel, by row.

    Rows whose episode was not told of before are left out. One query for all.
    """
    episodes = {row.episode_id for row in rows if row.episode_id is not None}
    if not episodes:
        return {}
    known = (
        Notification.objects.filter(
            episode_id__in=episodes, channel_id__in={row.channel_id for row in rows}
        )
        .exclude(provider_id="")
        .order_by("-pk")
        .values_list("episode_id", "channel_id", "provider_id")
    )
    # The oldest comes last and stays.
    first: dict[tuple[Any, Any], str] = {
        (episode, channel): provider_id for episode, channel, provider_id in known
    }
    found = {row.pk: first.get((row.episode_id, row.channel_id), "") for row in rows}
    return {pk: thread for pk, thread in found.items() if thread}
