"""What the store forgets: expired partitions, old request identities, series unseen for long."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from apps.monitoring.store import partitions

logger = logging.getLogger(__name__)

# Senders give a retry up within minutes; hours leave room for a queue on their disk.
RETRY_WINDOW: Final = timedelta(hours=6)
_BATCH: Final = 20_000


@dataclass
class Maintained:
    """What one run did."""

    made: list[str] = field(default_factory=list)
    dropped: partitions.Dropped = field(default_factory=partitions.Dropped)
    identities: int = 0
    series: int = 0
    pins: int = 0


def maintain(now: datetime | None = None) -> Maintained:
    """Create partitions that are due, then drop and prune what is past its retention."""
    now = now or datetime.now(UTC)
    report = Maintained(made=partitions.ensure(now))
    report.dropped = partitions.drop_expired(now)
    report.identities = _prune(
        "DELETE FROM tm_ingest WHERE hash IN (SELECT hash FROM tm_ingest WHERE at < %s LIMIT %s)",
        now - RETRY_WINDOW,
    )
    report.pins = _prune(
        "DELETE FROM tm_pin WHERE (trace_id, reason) IN"
        " (SELECT trace_id, reason FROM tm_pin WHERE until < %s LIMIT %s)",
        now,
    )
    # Writers refresh last_seen far more often than this, so no live process still holds the id.
    longest_h = max(settings.PHAROS_RETENTION_HOURS.values())
    report.series = _prune(
        "DELETE FROM tm_series WHERE id IN"
        " (SELECT id FROM tm_series WHERE last_seen < %s LIMIT %s)",
        now - timedelta(hours=longest_h) - timedelta(days=1),
    )
    if report.made or report.dropped.dropped:
        logger.info("partitions made: %s; dropped: %s", report.made, report.dropped.dropped)
    return report


def _prune(statement: str, before: datetime) -> int:
    """Run one bounded DELETE until nothing is left, at most a million rows a run."""
    gone = 0
    for _ in range(50):
        with connection.cursor() as cursor:
            cursor.execute(statement, [before, _BATCH])
            gone += cursor.rowcount
            if cursor.rowcount < _BATCH:
                break
    return gone
