"""Alerts about delivery itself: a channel that refuses messages, or has failed for a while.

They are routed like any alert, so that another channel tells of this one; they end when it works.
"""

from datetime import timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.alerts.clock import db_now
from apps.alerts.machine import OPEN, Reason, Severity, State
from apps.alerts.models import Channel, Episode, EpisodeEvent, Notification, OutboxState, Purpose

log = structlog.get_logger(__name__)
SOURCE: Final = "delivery"
METRIC: Final = "pharos.channel.failing"
_AFTER_S: Final = 300.0
_AT_ONCE: Final = 100
# Any constant of our own: the lock is of this kind of alert, one for each channel.
_LOCK: Final = 0x50686172
_OWN: Final = (Purpose.TEST, Purpose.HEARTBEAT)


def given_up(row: Notification, why: str) -> Episode | None:
    """An alert about the channel of a message that was given up; None when one is open already.

    Inside the transaction that notes it.
    """
    if row.channel is None or not row.channel.enabled or row.purpose in _OWN:
        return None
    return _open(row.channel, f"A message was given up: {why}")


def look() -> tuple[int, int]:
    """Open alerts about channels that have failed for minutes, end those of channels that work."""
    opened = sum(_open_safely(channel) for channel in _failing())
    ended = 0
    running = Episode.objects.filter(source=SOURCE, state__in=OPEN).order_by("started_at")
    for episode in running[:_AT_ONCE]:
        if not _fails_still(episode):
            with transaction.atomic():
                ended += _end(episode)
    return opened, ended


def _failing() -> list[Channel]:
    late = Now() - timedelta(seconds=_AFTER_S)
    waiting = Notification.objects.filter(state__in=[OutboxState.PENDING, OutboxState.SENDING])
    return list(
        Channel.objects.filter(
            enabled=True, failing_since__lte=late, pk__in=waiting.values("channel_id")
        ).order_by("pk")[:_AT_ONCE]
    )


def _open_safely(channel: Channel) -> bool:
    with transaction.atomic():
        return _open(channel, "No message has been taken for minutes.") is not None


def _open(channel: Channel, why: str) -> Episode | None:
    with connection.cursor() as cursor:
        # Two messages may be given up at once.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, channel.pk % 2**31])
    mine = Episode.objects.filter(source=SOURCE, fingerprint=_fingerprint(channel), state__in=OPEN)
    if mine.exists():
        return None
    at = db_now()
    episode = Episode.objects.create(
        rule=None, source=SOURCE, rule_name="A channel does not deliver",
        fingerprint=_fingerprint(channel), summary=why[:500],
        labels={"channel": channel.name, "kind": channel.kind}, metric=METRIC, unit="1",
        direction="above", state=State.FIRING, severity=Severity.WARNING, value=1, peak=1,
        threshold=0, started_at=at, fired_at=at, updated_at=at,
    )  # fmt: skip
    EpisodeEvent.objects.create(episode=episode, at=at, kind="fired", detail={"error": why[:500]})
    log.error("channel_does_not_deliver", channel=channel.pk, why=why)
    _enrol([episode], [])
    return episode


def _fails_still(episode: Episode) -> bool:
    pk = episode.fingerprint.removeprefix("delivery-")
    return Channel.objects.filter(pk=pk, enabled=True, failing_since__isnull=False).exists()


def _end(episode: Episode) -> int:
    at = db_now()
    open_still = Episode.objects.filter(pk=episode.pk, state__in=OPEN)
    if not open_still.update(
        state=State.RESOLVED, ended_at=at, end_reason=Reason.OK, updated_at=at, value=0
    ):
        return 0
    EpisodeEvent.objects.create(episode=episode, at=at, kind="resolved", detail={"reason": "ok"})
    episode.refresh_from_db()
    _enrol([], [episode])
    return 1


def _fingerprint(channel: Channel) -> str:
    return f"delivery-{channel.pk}"


def _enrol(fired: list[Episode], resolved: list[Episode]) -> None:
    # Routing stands on the outbox; only here does delivery speak to it.
    from apps.alerts.routing.enrol import enrol

    enrol(fired, resolved, db_now())
