"""Reason: the alert changes too often to be worth a page each time."""

from uuid import UUID

from django.utils.translation import gettext as _

from apps.alerts.machine import Severity
from apps.alerts.models import Flap
from apps.alerts.suppression.verdict import Hearing, Kind, Suppression


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Flapping alerts whose receivers were told that they flap.

    Where nobody was told, the episode pages as any other would; and a critical one always does: it
    stays open while it flaps, so that it pages, and escalates, once.
    """
    warnings = [c.episode.pk for c in hearing.cases if c.episode.severity != Severity.CRITICAL]
    rows = Flap.objects.filter(episode__in=warnings, flapping=True, told=True)
    return {
        row.episode_id: Suppression(
            Kind.FLAPPING,
            f"flap:{row.pk}",
            _("It flaps since %(since)s, which was told once")
            % {"since": f"{row.since:%Y-%m-%d %H:%M:%S} UTC"},
        )
        for row in rows
        if row.episode_id is not None
    }
