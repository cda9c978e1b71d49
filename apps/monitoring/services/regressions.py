"""Counting the operations that became slower, as a metric that rules can watch."""

from datetime import datetime, timedelta
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring import recorder
from apps.monitoring.queries import trends
from apps.monitoring.queries.red import Wanted

METRIC: Final = "pharos.performance.regressions"
FAILING: Final = "pharos.performance.failing"
_WINDOW: Final = timedelta(hours=1)
# Services beyond these are added up under no name: a label for each would have no bound.
_MOST_SERVICES: Final = 50


def watch(now: datetime) -> dict[str, tuple[int, int]]:
    """(slower, failing more) operations of each service over the last hour, told as gauges.

    A service without any is told as 0, so that a rule sees its alarm end.
    """
    found: dict[str, tuple[int, int]] = {}
    for operation, trend in trends.trends(TimeRange(now - _WINDOW, now), Wanted()).items():
        slower, failing = found.get(operation.service, (0, 0))
        found[operation.service] = (slower + trend.regressed, failing + trend.fails_more)
    for service, (slower, failing) in sorted(found.items())[:_MOST_SERVICES]:
        recorder.gauge(METRIC, slower, "{operation}", {"watched.service": service})
        recorder.gauge(FAILING, failing, "{operation}", {"watched.service": service})
    return found
