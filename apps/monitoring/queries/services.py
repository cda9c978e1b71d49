"""Which services send telemetry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Max

from apps.monitoring.models import Resource

_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Service:
    """One service and when it was last heard of."""

    name: str
    last_seen: datetime


def services() -> list[Service]:
    """Every known service by name (at most 200, the most recently heard of)."""
    rows = (
        Resource.objects.values_list("service")
        .annotate(seen=Max("last_seen"))
        .order_by("-seen")[:_MOST]
    )
    return sorted((Service(name, seen) for name, seen in rows), key=lambda service: service.name)


def is_known(name: str) -> bool:
    """Whether a service of this name ever sent anything."""
    return "\0" not in name and Resource.objects.filter(service=name).exists()
