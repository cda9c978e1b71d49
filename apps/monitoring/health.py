"""The health checks of monitoring: do figures still come in, and is there room for them."""

import dataclasses
import threading
from datetime import UTC, datetime
from typing import Final

from django.db import DatabaseError, connection
from django.db.models import Max
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from apps.core.health import register
from apps.monitoring.intake.processes import all_stats
from apps.monitoring.intake.stats import CommitStats
from apps.monitoring.models import CollectorState
from apps.monitoring.store import partitions

# Three ticks of the beat and a little more.
STALE_S: Final = 20.0


@dataclasses.dataclass
class Collecting(HealthCheck):  # type: ignore[misc]
    """Beat sends the tick and a worker runs it: both are alive while collectors run."""

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Raises ServiceUnavailable when no collector ran for a while."""
        try:
            last = CollectorState.objects.aggregate(at=Max("last_run"))["at"]
        finally:
            # The thread of a watch has no request at whose end Django would do this.
            connection.close()
        if last is None:
            raise ServiceUnavailable("No collector has run yet: start the worker and beat.")
        age_s = (datetime.now(UTC) - last).total_seconds()
        if age_s > STALE_S:
            raise ServiceUnavailable(
                f"No collector has run for {age_s:.0f} s: the worker or beat is not running."
            )


@dataclasses.dataclass
class Partitions(HealthCheck):  # type: ignore[misc]
    """The telemetry store has partitions for today and tomorrow."""

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Raises ServiceUnavailable for a missing one: its rows would be refused."""
        try:
            missing = partitions.missing(datetime.now(UTC))
        except DatabaseError as error:
            raise ServiceUnavailable("The partitions could not be listed.") from error
        finally:
            connection.close()
        names = sorted(table.name(start) for table, starts in missing.items() for start in starts)
        if names:
            raise ServiceUnavailable(f"Partitions are missing: {', '.join(names[:6])}.")


@dataclasses.dataclass
class Intake(HealthCheck):  # type: ignore[misc]
    """Batches handed to this process are committed."""

    _before: CommitStats = dataclasses.field(default_factory=CommitStats, init=False, repr=False)
    _lock: threading.Lock = dataclasses.field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Compares with the former run: failures down, refusals for want of room degraded."""
        now = all_stats()
        with self._lock:
            before, self._before = self._before, now
        failed = now.failures - before.failures
        if failed > 0 and now.commits == before.commits:
            raise ServiceUnavailable(f"The store took none of the last {failed} batches.")
        if failed > 0:
            raise ServiceWarning(f"{failed} batches were not stored.")
        if now.refused_busy > before.refused_busy:
            refused = now.refused_busy - before.refused_busy
            raise ServiceWarning(f"{refused} batches were refused: the queue was full.")


def install() -> None:
    """Register the checks; called when Django is ready."""
    register(Collecting(), name="collectors", timeout_s=5)
    register(Partitions(), name="partitions", timeout_s=5, interval_s=60)
    register(Intake(), name="intake", timeout_s=2)
