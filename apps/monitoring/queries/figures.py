"""One figure for a whole range, and the summary of a period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring.queries import series
from apps.monitoring.queries.series import SeriesQuery

REQUESTS: Final = "http.server.request.duration"
CPU: Final = "system.cpu.utilization"
MEMORY: Final = "system.memory.utilization"
_ROUTE: Final = "http.route"
_MOST_ROUTES: Final = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """CPU and memory as ratios, response times in milliseconds, `samples` requests behind them.

    None where nothing is known; no requests at all are 0 samples.
    """

    avg_cpu: float | None
    avg_memory: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    samples: int
    routes: list["Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One route's response times, in milliseconds; pooled with others a slow one would hide."""

    route: str
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    samples: int


def summary(time_range: TimeRange, scope: Mapping[str, str]) -> Summary:
    """The period at a glance; of one service when the scope names `service.name`."""
    service = {key: value for key, value in scope.items() if key == "service.name"}
    total = _times(SeriesQuery(REQUESTS, "p95", service), time_range)
    whole = total[0] if total else Route("", None, None, None, 0)
    return Summary(
        avg_cpu=_figure(SeriesQuery(CPU, "avg", service), time_range),
        avg_memory=_figure(SeriesQuery(MEMORY, "avg", service), time_range),
        p50_ms=whole.p50_ms,
        p95_ms=whole.p95_ms,
        p99_ms=whole.p99_ms,
        samples=whole.samples,
        routes=_times(SeriesQuery(REQUESTS, "p95", service, (_ROUTE,)), time_range),
    )


def _times(query: SeriesQuery, time_range: TimeRange) -> list[Route]:
    """Response times of each group, those with most requests first."""
    found = series.several(query, ("p50", "p95", "p99", "count"), time_range)
    routes = [
        Route(
            row.labels.get(_ROUTE, ""),
            _milliseconds(p50),
            _milliseconds(p95),
            _milliseconds(p99),
            int(count or 0),
        )
        for row, (p50, p95, p99, count) in found
    ]
    return sorted(routes, key=lambda r: (-r.samples, r.route))[:_MOST_ROUTES]


def _figure(query: SeriesQuery, time_range: TimeRange) -> float | None:
    found = series.over(query, time_range)
    return found[0].value if found else None


def _milliseconds(value_s: float | None) -> float | None:
    return None if value_s is None else value_s * 1000
