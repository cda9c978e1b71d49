"""Operations ranked: where time goes, and what is slow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from apps.core.timerange import TimeRange
from apps.monitoring.queries import red
from apps.monitoring.queries.red import Figures, Operation, Wanted
from apps.monitoring.queries.trends import Trend, trends

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
# The lines of PERF-07: beyond either an operation is slow.
P95_LINE_MS: Final = 500.0
P99_LINE_MS: Final = 1000.0
SPARKS: Final = 30
_MS: Final = 1000.0


@dataclass(frozen=True)
class Ranked:
    """One operation with its figures over a range; times in milliseconds, None when unknown."""

    operation: Operation
    figures: Figures
    duration_s: float
    # Of the time all operations of the ranking took together.
    share: float | None
    # p95 in milliseconds over time, and how it compares with earlier; where they were asked for.
    spark: list[float | None] | None = None
    trend: Trend | None = None

    @property
    def service(self) -> str:
        return self.operation.service

    @property
    def name(self) -> str:
        return self.operation.name

    @property
    def kind(self) -> str:
        number = self.operation.kind
        return KINDS[number] if 0 <= number < len(KINDS) else ""

    @property
    def n(self) -> int:
        return self.figures.n

    @property
    def per_s(self) -> float:
        return self.figures.n / self.duration_s

    @property
    def errors(self) -> int:
        return self.figures.err

    @property
    def error_share(self) -> float | None:
        return self.figures.error_share

    @property
    def total_ms(self) -> float:
        return self.figures.sum * _MS

    @property
    def mean_ms(self) -> float | None:
        return _ms(self.figures.mean)

    @property
    def p50_ms(self) -> float | None:
        return _ms(self.figures.quantile(0.5))

    @property
    def p95_ms(self) -> float | None:
        return _ms(self.figures.quantile(0.95))

    @property
    def p99_ms(self) -> float | None:
        return _ms(self.figures.quantile(0.99))

    @property
    def p999_ms(self) -> float | None:
        return _ms(self.figures.quantile(0.999))

    @property
    def max_ms(self) -> float:
        return self.figures.max * _MS

    @property
    def slow(self) -> bool:
        """Beyond the line of its p95 or of its p99."""
        return (self.p95_ms or 0) > P95_LINE_MS or (self.p99_ms or 0) > P99_LINE_MS

    @property
    def verdict(self) -> str:
        """Against the period before: slower, faster, same, too few; new where it was not there."""
        if self.trend is None:
            return ""
        return next(
            (one.durations.verdict for one in self.trend.against if one.what == "before"), "new"
        )

    @property
    def change(self) -> float | None:
        """p95 against the period before: 0.5 is half as much more."""
        against = self.trend.against if self.trend else []
        return next((one.durations.change for one in against if one.what == "before"), None)

    @property
    def regressed(self) -> bool:
        """Slower, or failing more, than every earlier stretch that can be compared."""
        return self.trend is not None and (self.trend.regressed or self.trend.fails_more)

    @property
    def classes(self) -> dict[str, int]:
        """Answers by HTTP class, those there were."""
        return {f"{i}xx": n for i, n in enumerate(self.figures.classes, 1) if n}


ORDERS: Final[dict[str, Callable[[Ranked], Any]]] = {
    "total": lambda row: row.total_ms,
    "p95": lambda row: row.p95_ms or 0.0,
    "p99": lambda row: row.p99_ms or 0.0,
    "rate": lambda row: row.n,
    "errors": lambda row: row.errors,
    "error_share": lambda row: row.error_share or 0.0,
}


def ranking(time_range: TimeRange, wanted: Wanted, order: str = "total") -> list[Ranked]:
    """The busiest 2000 operations of a range, the largest first; equal ones by their names."""
    return ranked(red.operations(time_range, wanted), time_range, order)


def ranked(
    found: dict[Operation, Figures], time_range: TimeRange, order: str = "total"
) -> list[Ranked]:
    """These operations, ranked."""
    whole = sum(figures.sum for figures in found.values())
    rows = [
        Ranked(operation, figures, time_range.duration_s, figures.sum / whole if whole else None)
        for operation, figures in found.items()
    ]
    return sorted(rows, key=lambda row: (-ORDERS[order](row), row.operation))


def detailed(rows: list[Ranked], time_range: TimeRange, wanted: Wanted) -> list[Ranked]:
    """These rows with their p95 over time and against earlier: for as many as a page shows."""
    if not rows:
        return rows
    only = [row.operation for row in rows]
    steps, _, found = red.over_time(time_range, int(time_range.duration_s // SPARKS), wanted, only)
    told = trends(time_range, wanted, {row.operation: row.figures for row in rows})
    return [
        replace(
            row,
            trend=told[row.operation],
            spark=[_p95(found.get(row.operation, {}).get(at)) for at in steps],
        )
        for row in rows
    ]


def _p95(figures: Figures | None) -> float | None:
    return None if figures is None else _ms(figures.quantile(0.95))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * _MS
