"""The collector of delivery's own figures: what waits, since when, and what was given up."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from apps.alerts.models import Channel, Notification, OutboxState
from apps.alerts.services import deadman
from apps.monitoring.collectors.base import Collector, Reading, gauge

WAITING = gauge("pharos.notification.waiting", "{notification}")
DEAD = gauge("pharos.notification.dead", "{notification}")
AGE = gauge("pharos.notification.age", "s")
FAILING = gauge("pharos.channel.failing", "{channel}")
HEARTBEAT = gauge("pharos.heartbeat.age", "s")


@dataclass(frozen=True)
class Delivery(Collector, kind="delivery"):
    """The outbox and its channels."""

    interval_s: float = 15.0
    timeout_s: float = 5.0

    @classmethod
    def configured(cls) -> "Iterable[Delivery]":
        yield cls(target="outbox")

    def read(self) -> Reading:
        found = Reading()
        try:
            waiting = Notification.objects.filter(
                state__in=[OutboxState.PENDING, OutboxState.SENDING]
            )
            found.add(WAITING, waiting.count())
            found.add(DEAD, Notification.objects.filter(state=OutboxState.DEAD).count())
            found.add(FAILING, Channel.objects.filter(failing_since__isnull=False).count())
            heart = deadman.heart()
            found.add(AGE, heart.vitals.outbox_s)
            found.add(HEARTBEAT, heart.beat_age_s)
        finally:
            connection.close()
        return found
