"""The one writer of the outbox."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User

from apps.alerts.models import (
    AlertGroup,
    Channel,
    DigestEntry,
    Episode,
    Incident,
    Notification,
)
from apps.alerts.outbox import kick_on_commit
from apps.alerts.suppression import overflow


def owe(  # noqa: PLR0913 (a message has this many sides; all but three are optional)
    channels: Iterable[Channel],
    purpose: str,
    payload: dict[str, Any],
    *,
    news: str,
    episode: Episode | None = None,
    group: AlertGroup | None = None,
    incident: Incident | None = None,
    escalation_id: int | None = None,
    person: User | None = None,
    severity: str = "",
    priority: int = 1,
    reason: str = "",
    fallback_of: Notification | None = None,
) -> list[Notification]:
    """Owe each channel one message; the rows that were not owed before, in the order given.

    Belongs in the transaction of the change it tells of; dispatchers are woken on its commit.
    `news` says what is told, for all time: the same news to the same channel is one row, however
    often and by however many this is called. Where a message of a group has an episode, it is the
    one at its head; messages of an episode, a group or an incident reach a channel in the order
    owed.
    """
    rows = [
        Notification(
            key=key_of(news, channel),
            episode=episode,
            group=group,
            incident=incident,
            channel=channel,
            person=person,
            escalation_id=escalation_id,
            fallback_of=fallback_of,
            kind=channel.kind,
            purpose=str(purpose),
            reason=reason,
            severity=severity,
            priority=priority,
            payload=payload,
        )
        for channel in {channel.pk: channel for channel in channels}.values()
    ]
    owed_before = _owed_before([row.key for row in rows])
    fresh = overflow.within_caps([row for row in rows if row.key not in owed_before])
    if not fresh:
        return []
    # Another transaction may owe the same at this very moment: then its row is as good as ours.
    # To set its key to what it is tells us which one that is.
    Notification.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["key"], update_fields=["key"]
    )
    kick_on_commit({row.kind for row in fresh})
    return fresh


def _owed_before(keys: Sequence[str]) -> set[str]:
    """The keys of messages that are owed or sent, or in a digest already."""
    if not keys:
        return set()
    owed, digested = (
        rows.objects.filter(key__in=keys).order_by().values_list("key", flat=True)
        for rows in (Notification, DigestEntry)
    )
    return set(owed.union(digested))


def key_of(news: str, channel: Channel) -> str:
    """The idempotency key of one piece of news for one channel."""
    return hashlib.sha256(f"{news}|{channel.pk}".encode()).hexdigest()
