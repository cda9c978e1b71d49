"""The outbox as rows: claim under a lease, note what became of an attempt, send again."""

import os
import random
import socket
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import conf
from apps.alerts.delivery import Delivered
from apps.alerts.models import Attempt, EpisodeEvent, Notification, OutboxState, Outcome
from apps.alerts.outbox import kick_on_commit
from apps.alerts.services import deadman, ladder, receipts
from apps.alerts.services.envelopes import Claim, opened
from apps.core.errors import ConflictError
from apps.core.text import storable

log = structlog.get_logger(__name__)
# Messages of one episode, group or incident to one channel leave in order: "resolved" never
# overtakes "firing".
# A row still "sending" under an expired lease lost its worker, and may have arrived.
# A few rows for each channel, so that one slow receiver cannot fill the bulkhead; one for a channel
# that has been failing for a while.
_CLAIM: Final = """
WITH picked AS MATERIALIZED (
    SELECT one.id
      FROM (SELECT DISTINCT owed.channel_id, coalesce(target.failing_since <=
                   statement_timestamp() - make_interval(secs => %(trouble_s)s), false) AS troubled
              FROM alerts_notification AS owed
              LEFT JOIN alerts_channel AS target ON target.id = owed.channel_id
             WHERE owed.kind = %(kind)s AND owed.state IN ('pending', 'sending')
               AND (owed.channel_id IS NULL OR owed.channel_id <> ALL(%(busy)s))) AS channel
     CROSS JOIN LATERAL (
        SELECT due.id, due.priority, due.next_attempt_at FROM alerts_notification AS due
         WHERE due.kind = %(kind)s AND due.channel_id IS NOT DISTINCT FROM channel.channel_id
           AND ((due.state = 'pending' AND due.next_attempt_at <= statement_timestamp())
             OR (due.state = 'sending' AND due.lease_until <= statement_timestamp()))
           AND NOT EXISTS (
               SELECT 1 FROM alerts_notification AS earlier
                WHERE earlier.episode_id = due.episode_id
                  AND earlier.channel_id = due.channel_id
                  AND earlier.id < due.id AND earlier.state IN ('pending', 'sending'))
           AND NOT EXISTS (
               SELECT 1 FROM alerts_notification AS earlier
                WHERE earlier.group_id = due.group_id
                  AND earlier.channel_id = due.channel_id
                  AND earlier.id < due.id AND earlier.state IN ('pending', 'sending'))
           AND NOT EXISTS (
               SELECT 1 FROM alerts_notification AS earlier
                WHERE earlier.incident_id = due.incident_id
                  AND earlier.channel_id = due.channel_id
                  AND earlier.id < due.id AND earlier.state IN ('pending', 'sending'))
         ORDER BY due.priority, due.next_attempt_at, due.id
         LIMIT CASE WHEN channel.troubled THEN 1 ELSE %(per_channel)s END
         FOR UPDATE SKIP LOCKED) AS one
     WHERE NOT channel.troubled OR %(troubled)s
     ORDER BY one.priority, one.next_attempt_at, one.id
     LIMIT %(limit)s)
UPDATE alerts_notification AS mine
   SET state = 'sending', attempt = mine.attempt + 1, lease_token = %(token)s,
       lease_until = statement_timestamp() + make_interval(secs => %(lease_s)s),
       may_repeat = mine.may_repeat OR mine.state = 'sending'
  FROM picked
 WHERE mine.id = picked.id
RETURNING mine.id
"""
_GIVEN_UP_AT_ONCE: Final = 100
_WORKER: Final = f"{socket.gethostname()}-{os.environ.get('PHAROS_ROLE', 'cli')}"


def claim(
    kind: str, limit: int, busy: Collection[int] = (), *, troubled: bool = True
) -> list[Claim]:
    """Lease up to `limit` due messages of a channel kind, critical ones first; committed on return.

    At most a few for each channel, and none for the channels in `busy`, which still have some in
    flight. Without `troubled` none for channels that have been failing for a while.
    """
    token = uuid.uuid4()
    values: dict[str, Any] = {
        "token": token, "lease_s": conf.LEASE_S, "kind": kind, "limit": limit,
        "busy": list(busy), "per_channel": conf.WIDTH_PER_CHANNEL, "troubled": troubled,
        "trouble_s": conf.IN_TROUBLE_AFTER_S,
    }  # fmt: skip
    with transaction.atomic():
        _give_up_exhausted(kind)
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, values)
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return []
        rows = list(
            Notification.objects.filter(pk__in=ids)
            .select_related("channel", "group")
            .order_by("priority", "next_attempt_at", "pk")
        )
        Attempt.objects.bulk_create(
            Attempt(notification=row, number=row.attempt, may_repeat=row.may_repeat, worker=_WORKER)
            for row in rows
        )
    return opened(rows, token)


def kinds_waiting() -> list[str]:
    """The channel kinds that something is owed to: with a dozen kinds, most have nothing to do."""
    unsettled = [OutboxState.PENDING, OutboxState.SENDING]
    kinds = Notification.objects.filter(state__in=unsettled).values_list("kind", flat=True)
    return sorted(kinds.order_by().distinct())


def settle(claimed: Claim, result: Delivered) -> bool:
    """Note what became of an attempt. False: the lease was lost, another worker has the message."""
    row = claimed.notification
    # What cannot be stored could not be settled, and would be sent again and again.
    result = replace(result, error=storable(result.error), provider_id=storable(result.provider_id))
    error = result.error[:500]
    repeat = row.may_repeat or result.outcome == Outcome.UNKNOWN
    columns = {
        "outcome": result.outcome,
        "error": error,
        "may_repeat": repeat,
        "lease_token": None,
        "lease_until": None,
        **_next(row, result),
    }
    if result.provider_id:
        columns["provider_id"] = result.provider_id[:255]
    with transaction.atomic():
        mine = Notification.objects.filter(
            pk=row.pk, lease_token=claimed.token, state=OutboxState.SENDING
        )
        kept = mine.update(**columns) == 1
        Attempt.objects.filter(notification=row, number=row.attempt).update(
            ended_at=Now(), outcome=result.outcome, status_code=result.status_code, error=error
        )
        if kept:
            _follow_up(row, result, str(columns["state"]))
    return kept


def _follow_up(row: Notification, result: Delivered, state: str) -> None:
    """What an outcome brings about, in the transaction that notes it."""
    if row.episode_id is not None and state != OutboxState.PENDING:
        _note(row, row.episode_id, state, result.error[:500])
    ladder.note_health(row, result)
    if state != OutboxState.SENT:
        ladder.after_failure(row, result, state)
    elif result.receipt_due:
        receipts.await_receipt(row, result.provider_id)
    if state == OutboxState.SENT:
        deadman.heard(row)


def resend(notification: Notification) -> None:
    """Send a finished message once more, marked as a repeat. Raises ConflictError otherwise."""
    finished = Notification.objects.filter(
        pk=notification.pk, state__in=[OutboxState.SENT, OutboxState.DEAD]
    )
    with transaction.atomic():
        done = finished.update(
            state=OutboxState.PENDING,
            may_repeat=True,
            next_attempt_at=Now(),
            attempts_allowed=F("attempt") + conf.ATTEMPTS,
        )
        if not done:
            raise ConflictError(_("This message is still on its way."))
        kick_on_commit([notification.kind])


def backoff_s(attempt: int) -> float:
    """Full jitter below 1 s doubled with each attempt, at most a minute."""
    ceiling = min(conf.BACKOFF_CAP_S, 2.0 ** min(attempt - 1, 16))
    return random.uniform(0, ceiling)  # noqa: S311 (spreads load, guards nothing)


def _next(row: Notification, result: Delivered) -> dict[str, object]:
    if result.outcome == Outcome.OK:
        return {"state": OutboxState.SENT, "sent_at": Now()}
    if result.outcome == Outcome.PERMANENT or row.attempt >= row.attempts_allowed:
        return {"state": OutboxState.DEAD}
    wait_s = backoff_s(row.attempt)
    if result.retry_after_s is not None:
        wait_s = max(wait_s, min(result.retry_after_s, conf.RETRY_AFTER_CAP_S))
    return {
        "state": OutboxState.PENDING,
        "next_attempt_at": Now() + timedelta(seconds=wait_s),
    }


def _give_up_exhausted(kind: str) -> None:
    # A message that kills every worker that takes it up must not be taken up for ever.
    lost = Notification.objects.filter(
        kind=kind,
        state=OutboxState.SENDING,
        lease_until__lte=Now(),
        attempt__gte=F("attempts_allowed"),
    )
    error = "No worker that took this message up has come back."
    rows = list(
        lost.select_for_update(skip_locked=True, of=("self",))
        .select_related("channel", "episode")
        .order_by("pk")[:_GIVEN_UP_AT_ONCE]
    )
    for row in rows:
        try:
            _give_up(row, error)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # Nor must it keep every other message of its kind from being claimed.
            log.exception("notification_not_given_up", notification=row.pk)


@transaction.atomic
def _give_up(row: Notification, error: str) -> None:
    Notification.objects.filter(pk=row.pk).update(
        state=OutboxState.DEAD, outcome=Outcome.UNKNOWN, lease_token=None, lease_until=None,
        error=error,
    )  # fmt: skip
    _follow_up(row, Delivered(Outcome.UNKNOWN, error=error), OutboxState.DEAD)


def _note(row: Notification, episode: uuid.UUID, state: str, error: str) -> None:
    EpisodeEvent.objects.create(
        episode_id=episode,
        at=Now(),
        kind=f"notification_{state}",
        detail={
            "notification": row.pk,
            "purpose": row.purpose,
            "channel": row.channel.name if row.channel else None,
            "error": error,
            # It arrived after all, where another channel had been told instead.
            "after_fallback": row.fallbacks.exists(),
        },
    )
