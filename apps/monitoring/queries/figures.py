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


def summary(time_range: TimeRange, scope: Mapping[str, str]) -> Summary:
    """The period at a glance; of one service when the scope names `service.name`."""
    service = {key: value for key, value in scope.items() if key == "service.name"}
    times = {
        quantile: _figure(SeriesQuery(REQUESTS, quantile, service), time_range)
        for quantile in ("p50", "p95", "p99")
    }
    count = _figure(SeriesQuery(REQUESTS, "count", service), time_range)
    return Summary(
        avg_cpu=_figure(SeriesQuery(CPU, "avg", service), time_range),
        avg_memory=_figure(SeriesQuery(MEMORY, "avg", service), time_range),
        p50_ms=_milliseconds(times["p50"]),
        p95_ms=_milliseconds(times["p95"]),
        p99_ms=_milliseconds(times["p99"]),
        samples=int(count or 0),
    )


def _figure(query: SeriesQuery, time_range: TimeRange) -> float | None:
    found = series.over(query, time_range)
    return found[0].value if found else None


def _milliseconds(value_s: float | None) -> float | None:
    return None if value_s is None else value_s * 1000
