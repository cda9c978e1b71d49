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
    """CPU and memory in percent, response times in milliseconds, `samples` requests behind them.

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
        avg_cpu=_times(_figure(SeriesQuery(CPU, "avg", service), time_range), 100),
        avg_memory=_times(_figure(SeriesQuery(MEMORY, "avg", service), time_range), 100),
        p50_ms=_times(times["p50"], 1000),
        p95_ms=_times(times["p95"], 1000),
        p99_ms=_times(times["p99"], 1000),
        samples=int(count or 0),
    )


def _figure(query: SeriesQuery, time_range: TimeRange) -> float | None:
    found = series.over(query, time_range)
    return found[0].value if found else None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
