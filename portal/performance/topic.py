"""The live topic `performance?service=…`: the last five minutes of operations.

`{"all": {figures}, "rows": [{"service", "name", "kind", figures}]}`, the ten that took most time;
figures are `per_s`, `error_share`, `p50_ms`, `p95_ms`, `p99_ms`, `p999_ms`; null is unknown.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.core.live import Topic, register_filtered
from apps.core.timerange import TimeRange
from apps.monitoring.queries import ranking, red
from apps.monitoring.queries.ranking import Ranked
from apps.monitoring.queries.red import Operation, Wanted
from apps.monitoring.queries.services import is_known

NAME: Final = "performance"
PERMISSION: Final = "monitoring.view_span"
_INTERVAL_S: Final = 5.0
WINDOW: Final = timedelta(minutes=5)
MOST_ROWS: Final = 10
FIGURES: Final = ("per_s", "error_share", "p50_ms", "p95_ms", "p99_ms", "p999_ms")


def newest(service: str) -> dict[str, Any]:
    """What one message holds."""
    now = datetime.now(UTC)
    time_range = TimeRange(now - WINDOW, now)
    found = red.operations(time_range, Wanted(service=service))
    whole = Ranked(Operation(service, "", 0), red.total(found.values()), WINDOW.total_seconds(), 1)
    return {
        "all": _figures(whole),
        "rows": [
            {"service": row.service, "name": row.name, "kind": row.kind, **_figures(row)}
            for row in ranking.ranked(found, time_range)[:MOST_ROWS]
        ],
    }


def _figures(row: Ranked) -> dict[str, float | None]:
    return {name: getattr(row, name) for name in FIGURES}


def resolve(rest: str, wanted: Mapping[str, str]) -> Topic | None:
    """The topic of one service, or of all; None for a service there is not."""
    service = wanted.get("service", "")
    if rest or (service and not is_known(service)):
        return None
    name = f"{NAME}?service={service}" if service else NAME
    return Topic(name, _INTERVAL_S, lambda: newest(service), permission=PERMISSION)


def register() -> None:
    """Make the topic known to the hub."""
    register_filtered(NAME, resolve, fields={"service"})
