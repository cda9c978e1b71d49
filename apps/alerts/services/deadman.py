"""The dead man's switch: a heartbeat that every stage of the path vouches for.

It leaves where rules are judged, and only while no stage is late; it travels by the outbox like any
message. Whoever hears it knows that a page would have come through a moment ago.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import conf
from apps.alerts.models import DeadMan, Notification, OutboxState, Purpose
from apps.alerts.services.owe import owe
from apps.monitoring import recorder

log = structlog.get_logger(__name__)
ROW: Final = 1
# A little early, or a poll each 5 s would make every heartbeat one poll later than the last.
EVERY_S: Final = conf.HEARTBEAT_S - 3
# A heartbeat that cannot be handed over soon is replaced by the next.
_TRIES: Final = 3
# What was tried and failed is due again soon, and late since it first failed.
# A message behind an earlier one to the same channel waits for that, not for a dispatcher.
# One whose attempts begin and never end has a dispatcher that dies of it.
_VITALS: Final = """
SELECT statement_timestamp(),
  (SELECT extract(epoch FROM statement_timestamp() - min(next_eval_at))
     FROM alerts_rule WHERE enabled),
  (SELECT extract(epoch FROM statement_timestamp() - least(
     (SELECT min(next_flush_at) FROM alerts_alertgroup),
     (SELECT min(failing_since) FROM alerts_alertgroup), (SELECT min(at) FROM alerts_enrolment)))),
  (SELECT extract(epoch FROM statement_timestamp() - least(
     (SELECT min(next_at) FROM alerts_escalation WHERE state = 'running'),
     (SELECT min(next_at - errors * make_interval(secs => %(wait_s)s))
        FROM alerts_escalation WHERE state = 'running' AND errors > 0),
     (SELECT min(due_at) FROM alerts_digest WHERE sent_at IS NULL)))),
  (SELECT extract(epoch FROM statement_timestamp() - min(due.next_attempt_at))
     FROM alerts_notification AS due
    WHERE due.state = 'pending' AND due.attempt = 0
      AND due.next_attempt_at <= statement_timestamp()
      AND NOT EXISTS (
          SELECT 1 FROM alerts_notification AS earlier
           WHERE earlier.kind = due.kind AND earlier.channel_id = due.channel_id
             AND earlier.id < due.id AND earlier.state IN ('pending', 'sending'))),
  (SELECT extract(epoch FROM statement_timestamp() - min(lost.started_at))
     FROM alerts_notification AS owed JOIN alerts_attempt AS lost ON lost.notification_id = owed.id
    WHERE owed.state = 'sending' AND lost.ended_at IS NULL
      AND NOT EXISTS (
          SELECT 1 FROM alerts_attempt AS later
           WHERE later.notification_id = owed.id AND later.number > lost.number
             AND later.ended_at IS NOT NULL))
"""


@dataclass(frozen=True)
class Vitals:
    """How late each stage is, in seconds; 0 where nothing is due."""

    at: datetime
    rules_s: float
    groups_s: float
    steps_s: float
    outbox_s: float

    @property
    def late(self) -> str:
        """The stages that are late, in words; "" when none is."""
        stages = {
            "rules": self.rules_s, "groups": self.groups_s, "escalations": self.steps_s,
            "outbox": self.outbox_s,
        }  # fmt: skip
        found = [f"{n} {s:.0f} s" for n, s in stages.items() if s > conf.STAGE_LATE_S]
        return ", ".join(found)


@dataclass(frozen=True)
class Heart:
    """What the portal knows of its own heartbeat. Ages in seconds; None where there was none."""

    beat_age_s: float | None
    heard_age_s: float | None
    late_after_s: int
    vitals: Vitals

    @property
    def trouble(self) -> str:
        """Why a page may not get through, in words; "" when nothing speaks against it."""
        if self.vitals.late:
            return str(_("Late: %(stages)s.") % {"stages": self.vitals.late})
        if self.beat_age_s is None:
            return str(_("No heartbeat has left yet: start the worker and beat."))
        if self.beat_age_s > self.late_after_s:
            return str(_("No heartbeat has left for %(n)d s.") % {"n": self.beat_age_s})
        return ""


def settings() -> DeadMan:
    """The one row, made when there is none."""
    DeadMan.objects.bulk_create([DeadMan(pk=ROW)], ignore_conflicts=True)
    return DeadMan.objects.select_related("heartbeat", "second").get(pk=ROW)


def vitals() -> Vitals:
    """How late each stage is now, by the database's clock; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_VITALS, {"wait_s": conf.STEP_REST_S})
        at, *found = cursor.fetchone()
    rules, groups, steps, waiting, lost = (max(0.0, float(one or 0)) for one in found)
    return Vitals(at, rules, groups, steps, max(waiting, lost))


def beat() -> bool:
    """Send a heartbeat when one is due and every stage is in time. Called where rules are judged.

    Any number may call at once: each minute has one heartbeat.
    """
    row = settings()
    now = vitals()
    if now.late:
        log.warning("heartbeat_withheld", late=now.late)
        return False
    due = Q(beat_at__isnull=True) | Q(beat_at__lte=Now() - timedelta(seconds=EVERY_S))
    with transaction.atomic():
        if not DeadMan.objects.filter(due, pk=ROW).update(beat_at=Now()):
            return False
        channel = row.heartbeat
        if channel is not None and channel.enabled:
            news = f"heartbeat|{now.at.isoformat()}"
            owed = owe([channel], Purpose.HEARTBEAT, _payload(now), news=news, priority=0)
            ids = [one.pk for one in owed]
            Notification.objects.filter(pk__in=ids).update(attempts_allowed=_TRIES)
            _forget(channel.pk)
    recorder.count("pharos.heartbeat.count", unit="{heartbeat}")
    return True


def heard(row: Notification) -> None:
    """The watcher outside took this heartbeat."""
    if row.purpose == Purpose.HEARTBEAT:
        DeadMan.objects.filter(pk=ROW).update(heard_at=Now())


def heart() -> Heart:
    """What is known now."""
    row, now = settings(), vitals()
    return Heart(_age(row.beat_at, now.at), _age(row.heard_at, now.at), row.late_after_s, now)


def claim_alarm(repeat_s: float) -> bool:
    """Whether this caller is the one to raise the alarm now."""
    quiet = Q(alarmed_at__isnull=True) | Q(alarmed_at__lte=Now() - timedelta(seconds=repeat_s))
    return DeadMan.objects.filter(quiet, pk=ROW).update(alarmed_at=Now()) == 1


def withdraw_alarm() -> bool:
    """Whether this caller is the one to say that it is over; also after a failed alarm."""
    alarmed = DeadMan.objects.filter(pk=ROW, alarmed_at__isnull=False)
    return alarmed.update(alarmed_at=None) == 1


def _payload(now: Vitals) -> dict[str, object]:
    return {"purpose": Purpose.HEARTBEAT.value, "since": now.at.isoformat(), "url": conf.base_url()}


def _forget(channel: int) -> None:
    """Drop heartbeats nobody waits for any more: one a minute is a thousand a day."""
    old = Notification.objects.filter(
        channel_id=channel, purpose=Purpose.HEARTBEAT, created_at__lt=Now() - timedelta(hours=1)
    ).exclude(state=OutboxState.SENDING)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:200])
    if ids:
        Notification.objects.filter(pk__in=ids).delete()


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())
