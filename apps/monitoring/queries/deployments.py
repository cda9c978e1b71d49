"""Deployments of a range, for markers on charts and for comparing before with after."""

from collections.abc import Collection
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring.models.deployment import Deployment

MOST: Final = 200


def between(services: Collection[str], time_range: TimeRange) -> list[Deployment]:
    """Those of these services (of all, when there are none), oldest first; the newest 200."""
    found = Deployment.objects.filter(at__gte=time_range.start, at__lt=time_range.end)
    if services:
        found = found.filter(service__in=[name for name in services if "\0" not in name])
    return list(found.order_by("-at", "-id")[:MOST])[::-1]
