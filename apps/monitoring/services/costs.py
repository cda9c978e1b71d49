"""Keeping what metrics cost up to date."""

from datetime import UTC, datetime

from django.db import transaction

from apps.monitoring.models import MetricCost
from apps.monitoring.store import costs

_DAY_S = 86_400.0
_BATCH = 1000


def measure() -> int:
    """Measure every metric and keep the figures; how many metrics there are."""
    found = costs.measure()
    now = datetime.now(UTC)
    rows = [
        MetricCost(
            name=name, series=cost.series, rows=round(cost.rows), bytes=round(cost.bytes),
            points_per_s=cost.recent / _DAY_S, sampled=found.sampled,
            first_measured_at=now, measured_at=now,
        )
        for name, cost in sorted(found.of.items())
    ]  # fmt: skip
    if not rows:
        return 0
    with transaction.atomic():
        MetricCost.objects.bulk_create(
            rows, batch_size=_BATCH, update_conflicts=True, unique_fields=["name"],
            update_fields=["series", "rows", "bytes", "points_per_s", "sampled", "measured_at"],
        )  # fmt: skip
        # A metric without series is gone.
        MetricCost.objects.filter(measured_at__lt=now).delete()
    return len(rows)
