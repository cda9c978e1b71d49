"""The collectors of the engine's own figures: what is wrong, what waits, what was given up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.db.models import Count, QuerySet

from apps.alerts.clock import db_now
from apps.alerts.incident_machine import UNRESOLVED, IncidentSeverity
from apps.alerts.incidents import figures
from apps.alerts.machine import OPEN, Severity
from apps.alerts.models import Channel, Episode, Incident, Notification, OutboxState
from apps.alerts.services import deadman
from apps.monitoring.collectors.base import Collector, Reading, gauge

WAITING = gauge("pharos.notification.waiting", "{notification}")
DEAD = gauge("pharos.notification.dead", "{notification}")
AGE = gauge("pharos.notification.age", "s")
FAILING = gauge("pharos.channel.failing", "{channel}")
HEARTBEAT = gauge("pharos.heartbeat.age", "s")
FIRING = gauge("pharos.alert.firing", "{alert}")
INCIDENTS = gauge("pharos.incident.open", "{incident}")
UNSEEN = gauge("pharos.incident.unacknowledged", "{incident}")
MTTA = gauge("pharos.incident.mtta", "s")
MTTR = gauge("pharos.incident.mttr", "s")
_MEANS_OVER: Final = timedelta(days=30)


@dataclass(frozen=True)
class Delivery(Collector, kind="delivery"):
    """The outbox and its channels."""

    inside: ClassVar[bool] = True
    interval_s: float = 15.0
    timeout_s: float = 5.0

    @classmethod
    def configured(cls) -> "Iterable[Delivery]":
        yield cls(target="outbox")

    def read(self) -> Reading:
        found = Reading()
        waiting = Notification.objects.filter(state__in=[OutboxState.PENDING, OutboxState.SENDING])
        found.add(WAITING, waiting.count())
        found.add(DEAD, Notification.objects.filter(state=OutboxState.DEAD).count())
        found.add(FAILING, Channel.objects.filter(failing_since__isnull=False).count())
        heart = deadman.heart()
        found.add(AGE, heart.vitals.outbox_s)
        found.add(HEARTBEAT, heart.beat_age_s)
        return found


@dataclass(frozen=True)
class Trouble(Collector, kind="trouble"):
    """What is wrong now, and how fast people dealt with it: means of the last thirty days."""

    inside: ClassVar[bool] = True
    interval_s: float = 30.0
    timeout_s: float = 5.0

    @classmethod
    def configured(cls) -> "Iterable[Trouble]":
        yield cls(target="alerts")

    def read(self) -> Reading:
        found = Reading()
        firing = _by_severity(Episode.objects.filter(state__in=OPEN))
        for severity in Severity:
            found.add(FIRING, firing.get(severity.value, 0), severity=severity.value)
        unresolved = Incident.objects.filter(status__in=[str(one) for one in UNRESOLVED])
        incidents = _by_severity(unresolved)
        for grade in IncidentSeverity:
            found.add(INCIDENTS, incidents.get(grade.value, 0), severity=grade.value)
        found.add(UNSEEN, unresolved.filter(acknowledged_at=None).count())
        now = db_now()
        for means in figures.by_service(now - _MEANS_OVER, now)[:1]:
            # The first row is all of them; a mean of none is unknown.
            found.add(MTTA, means.to_acknowledge_s)
            found.add(MTTR, means.to_resolve_s)
        return found


def _by_severity(rows: "QuerySet[Any, Any]") -> dict[str, int]:
    counted = rows.order_by().values("severity").annotate(n=Count("pk"))
    return dict(counted.values_list("severity", "n"))
