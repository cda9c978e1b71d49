"""The live topic `incident:<number>`: tells pages that something was added, not what."""

from typing import Any, Final

from django.db.models import Max, OuterRef, Subquery

from apps.alerts.models import EpisodeEvent, Incident, IncidentEvent
from apps.core.live import Topic, register_family

FAMILY: Final = "incident"
_INTERVAL_S: Final = 2.0


def resolve(rest: str) -> Topic | None:
    """The topic of one incident; None for one there is not."""
    if not (rest.isdecimal() and len(rest) < 10):
        return None
    number = int(rest)
    if not Incident.objects.filter(pk=number).exists():
        return None
    return Topic(
        f"{FAMILY}:{number}", _INTERVAL_S, lambda: state(number), permission="alerts.view_incident"
    )


def state(number: int) -> dict[str, Any]:
    """What changes whenever the page of an incident does; one statement."""
    alerts = (
        EpisodeEvent.objects.filter(episode__incident_links__incident=OuterRef("pk"))
        .order_by()
        .values("episode__incident_links__incident")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    own = (
        IncidentEvent.objects.filter(incident=OuterRef("pk"))
        .order_by()
        .values("incident")
        .annotate(newest=Max("pk"), struck=Max("struck_at"))
    )
    row = (
        Incident.objects.filter(pk=number)
        .annotate(
            event=Subquery(own.values("newest")),
            struck=Subquery(own.values("struck")),
            alert=Subquery(alerts),
        )
        .values("status", "version", "event", "struck", "alert")
        .get()
    )
    struck = row["struck"]
    return {**row, "struck": struck.isoformat() if struck else None}


def register() -> None:
    """Make the topics known to the hub."""
    register_family(FAMILY, resolve)
