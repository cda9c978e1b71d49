"""Reason: somebody has taken the episode."""

from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Acknowledgement
from apps.alerts.suppression.verdict import Hearing, Kind, Suppression


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Acknowledged episodes.

    One past its time, or of an episode that grew worse since, no longer counts, even before its
    timer ran.
    """
    rows = Acknowledgement.objects.filter(
        Q(until=None) | Q(until__gt=hearing.at),
        episode__in=[case.episode.pk for case in hearing.cases],
        ended_at=None,
    )
    severity = {case.episode.pk: case.episode.severity for case in hearing.cases}
    return {
        row.episode_id: Suppression(
            Kind.ACKNOWLEDGED,
            f"acknowledgement:{row.pk}",
            _("Acknowledged by %(by)s") % {"by": row.by},
            row.until,
        )
        for row in rows
        if RANK[Severity(severity[row.episode_id])] <= RANK[Severity(row.severity)]
    }
