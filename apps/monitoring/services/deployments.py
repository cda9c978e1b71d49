"""Deployments: seen in telemetry, or told by whoever deploys."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from apps.core.errors import InvalidInputError
from apps.monitoring.models.deployment import LONGEST, Deployment

# A report and the first telemetry of a version this close together are one deployment.
_SAME: Final = timedelta(hours=1)
_ALIVE: Final = timedelta(days=1)
_OBSERVE: Final = """
INSERT INTO monitoring_deployment (service, version, environment, at, source)
SELECT service, version, environment, min(first_seen), 'observed' FROM (
    SELECT service, left(attrs->>'service.version', %(longest)s) AS version, first_seen,
        left(coalesce(attrs->>'deployment.environment.name', attrs->>'deployment.environment', ''),
            %(longest)s) AS environment
    FROM tm_resource WHERE last_seen > %(alive)s AND attrs->>'service.version' <> ''
) seen
WHERE length(service) <= 600 AND NOT EXISTS (
    SELECT 1 FROM monitoring_deployment d WHERE d.service = seen.service
        AND d.version = seen.version AND d.environment = seen.environment)
GROUP BY service, version, environment
ON CONFLICT DO NOTHING
"""


def observe(now: datetime) -> int:
    """Note every version whose first telemetry came since; how many are new. Twice is as once."""
    with connection.cursor() as cursor:
        cursor.execute(_OBSERVE, {"longest": LONGEST, "alive": now - _ALIVE})
        new: int = cursor.rowcount
    return new


def report(service: str, version: str, environment: str, at: datetime) -> tuple[Deployment, bool]:
    """Keep what somebody tells of a deployment; whether it is new. Twice is as once.

    What telemetry showed of the same version within an hour becomes this report. Raises
    InvalidInputError for a time that is no time of a deployment.
    """
    if not datetime(2000, 1, 1, tzinfo=at.tzinfo) < at < datetime(2200, 1, 1, tzinfo=at.tzinfo):
        raise InvalidInputError("`at` is not a time at which anything was deployed.")
    told = {"service": service, "version": version, "environment": environment}
    with transaction.atomic():
        seen = (
            Deployment.objects.select_for_update()
            .filter(**told, source=Deployment.Source.OBSERVED, at__range=(at - _SAME, at + _SAME))
            .first()
        )
        if seen is None:
            return Deployment.objects.get_or_create(
                **told, at=at, defaults={"source": Deployment.Source.REPORTED}
            )
        if Deployment.objects.filter(**told, at=at).exclude(pk=seen.pk).exists():
            seen.delete()
            return Deployment.objects.get(**told, at=at), False
        seen.at, seen.source = at, Deployment.Source.REPORTED
        seen.save(update_fields=["at", "source"])
        return seen, False
