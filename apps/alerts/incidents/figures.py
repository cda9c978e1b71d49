"""What came of an incident in figures, and of many of them over time. Unknown is None."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from apps.alerts.models import Incident

_MOST_GROUPS: Final = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from the beginning to its detection; from detection to acknowledgement and to
    resolution; and how long it hurt."""

    to_detect_s: float | None
    to_acknowledge_s: float | None
    to_resolve_s: float | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Means:
    """Incidents of one service that were declared within a span; means over those that have it."""

    service: str
    incidents: int
    unresolved: int
    to_detect_s: float | None
    to_acknowledge_s: float | None
    to_resolve_s: float | None


def of(incident: Incident) -> Figures:
    """The figures of one incident as far as it has come."""
    seen = incident.detected_at
    return Figures(
        _seconds(incident.started_at, seen),
        _seconds(seen, incident.acknowledged_at),
        _seconds(seen, incident.resolved_at),
        _seconds(incident.started_at, incident.resolved_at),
    )


def by_service(since: datetime, until: datetime) -> list[Means]:
    """MTTD, MTTA and MTTR of each service in [since, until); duplicates do not count.

    The first row, with an empty name, is all of them together. An incident of two services counts
    in both.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BY_SERVICE, {"since": since, "until": until, "most": _MOST_GROUPS})
        return [Means(*row) for row in cursor.fetchall()]


_BY_SERVICE: Final = """
WITH mine AS (
    SELECT * FROM alerts_incident
     WHERE declared_at >= %(since)s AND declared_at < %(until)s AND merged_into_id IS NULL)
SELECT service, count(*), count(*) FILTER (WHERE resolved_at IS NULL),
       extract(epoch FROM avg(detected_at - started_at))::float8,
       extract(epoch FROM avg(acknowledged_at - detected_at))::float8,
       extract(epoch FROM avg(resolved_at - detected_at))::float8
  FROM (SELECT '' AS service, mine.* FROM mine
        UNION ALL
        SELECT unnest(services), mine.* FROM mine) AS each
 GROUP BY service
 ORDER BY service <> '', count(*) DESC, service
 LIMIT %(most)s
"""


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start) / timedelta(seconds=1))
