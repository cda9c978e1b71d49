"""The fail-over ladder: what a channel does not take goes to the one it falls back to."""

from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import conf
from apps.alerts.delivery import Delivered
from apps.alerts.machine import Severity
from apps.alerts.models import (
    Channel,
    EpisodeEvent,
    Notification,
    OutboxState,
    Outcome,
    Purpose,
)
from apps.alerts.services import trouble
from apps.alerts.services.owe import owe
from apps.core.errors import InvalidInputError
from apps.monitoring import recorder

log = structlog.get_logger(__name__)
# An end is told to everyone who was told of the beginning, fall-backs among them; tests and
# heartbeats are about one channel alone.
_NEVER: Final = (Purpose.RESOLVED, Purpose.TEST, Purpose.HEARTBEAT)
_AT_ONCE: Final = 200


def check(channel: Channel, fallback: Channel | None) -> None:
    """Raise InvalidInputError when the ladder from `fallback` leads back to `channel`."""
    rung, rungs = fallback, 0
    while rung is not None:
        if rung.pk == channel.pk:
            raise InvalidInputError(
                _("A channel cannot fall back to itself, not by others either.")
            )
        rungs += 1
        if rungs >= conf.LONGEST_LADDER:
            words = _("A ladder has at most %(n)d channels.") % {"n": conf.LONGEST_LADDER}
            raise InvalidInputError(words)
        rung = rung.fallback


def after_failure(row: Notification, result: Delivered, state: str) -> Notification | None:
    """Fail over when this attempt was the one too many. Inside the transaction that notes it."""
    if state == OutboxState.DEAD:
        trouble.given_up(row, result.error)
        below = fail_over(row, result.error)
        if below is None and row.purpose not in _NEVER and _lost(row):
            recorder.count("pharos.notification.lost", attrs={"kind": row.kind})
            log.error("notification_lost", notification=row.pk, purpose=row.purpose)
        return below
    if row.severity != Severity.CRITICAL:
        return None
    if row.attempt >= conf.FAILOVER_TRIES or _first_try_is_old(row):
        return fail_over(row, result.error)
    return None


def sweep() -> int:
    """Fail over critical messages that hang: their worker died or their channel takes no end."""
    late = Now() - timedelta(seconds=conf.FAILOVER_AFTER_S)
    hanging = Q(attempts__number=1, attempts__started_at__lte=late) | Q(
        attempt=0,
        state=OutboxState.PENDING,
        next_attempt_at__lte=Now() - timedelta(seconds=conf.FAILOVER_UNTRIED_S),
    )
    due = (
        Notification.objects.filter(
            hanging, severity=Severity.CRITICAL, fallbacks__isnull=True,
            state__in=[OutboxState.PENDING, OutboxState.SENDING],
            channel__fallback__isnull=False,
        )
        # Those that no rung would take must not stand before the others.
        .filter(Q(channel__fallback__enabled=True) | Q(channel__fallback__fallback__isnull=False))
        .exclude(purpose__in=_NEVER)
        .order_by("pk")
    )  # fmt: skip
    done = 0
    for pk in list(due.values_list("pk", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            row = (
                Notification.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(pk=pk, state__in=[OutboxState.PENDING, OutboxState.SENDING])
                .select_related("channel")
                .first()
            )
            done += row is not None and fail_over(row, "Not delivered in time.") is not None
    return done


def fail_over(row: Notification, why: str) -> Notification | None:
    """Owe the message to the next channel on the ladder, once; None when there is none, or was.

    Inside the transaction of its cause. The message itself stays where it is: it may still arrive,
    and says from now on that it may be a repeat.
    """
    if row.purpose in _NEVER or row.channel is None:
        return None
    target = _next_rung(row)
    if target is None:
        return None
    first = row.channel.name
    owed = owe(
        [target],
        row.purpose,
        {**row.payload, "instead_of": first},
        news=f"fallback|{row.key}",
        episode=row.episode,
        group=row.group,
        incident=row.incident,
        escalation_id=row.escalation_id,
        person=row.person,
        severity=row.severity,
        priority=0,
        reason=row.reason,
        fallback_of=row,
    )
    if not owed:
        return None
    Notification.objects.filter(pk=row.pk).update(may_repeat=True)
    if row.episode_id is not None:
        EpisodeEvent.objects.create(
            episode_id=row.episode_id,
            at=Now(),
            kind="notification_failed_over",
            detail={
                "notification": row.pk,
                "channel": first,
                "to": target.name,
                "error": why[:200],
            },
        )
    recorder.count("pharos.notification.failovers", attrs={"kind": row.kind, "to": target.kind})
    log.warning("notification_failed_over", notification=row.pk, to=target.pk)
    return owed[0]


def _lost(row: Notification) -> bool:
    """Whether no rung of its ladder has taken the message, nor will: this was the last to fail."""
    top = row
    for _rung in range(conf.LONGEST_LADDER):
        if top.fallback_of is None:
            break
        top = top.fallback_of
    rung: Notification | None = top
    while rung is not None:
        if rung.pk != row.pk and rung.state != OutboxState.DEAD:
            return False
        rung = rung.fallbacks.first()
    return True


def _next_rung(row: Notification) -> Channel | None:
    """The first enabled channel down the ladder that has not had this message yet."""
    had = {row.channel_id}
    above: Notification | None = row.fallback_of
    while above is not None and len(had) <= conf.LONGEST_LADDER:
        had.add(above.channel_id)
        above = above.fallback_of
    rung = row.channel.fallback if row.channel else None
    for _rung in range(conf.LONGEST_LADDER):
        if rung is None or rung.pk in had:
            return None
        if rung.enabled:
            return rung
        had.add(rung.pk)
        rung = rung.fallback
    return None


def _first_try_is_old(row: Notification) -> bool:
    late = Now() - timedelta(seconds=conf.FAILOVER_AFTER_S)
    return row.attempts.filter(number=1, started_at__lte=late).exists()


def note_health(row: Notification, result: Delivered) -> None:
    """Keep on the channel whether it works; guarded, so that a busy one is written seldom."""
    if row.channel_id is None:
        return
    mine = Channel.objects.filter(pk=row.channel_id)
    if result.outcome == Outcome.OK:
        old = Now() - timedelta(seconds=10)
        worn = Q(last_ok_at__isnull=True) | Q(last_ok_at__lt=old) | Q(failing_since__isnull=False)
        mine.filter(worn).update(last_ok_at=Now(), failing_since=None)
    else:
        mine.filter(failing_since__isnull=True, enabled=True).update(failing_since=Now())
