"""The charts of the Performance pages: rate, errors and durations over time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from apps.core.charts import Line
from apps.core.charts.board import Ask, Board, BoardParameters, Chart, Mark, Points
from apps.monitoring.api.performance_views import wanted
from apps.monitoring.queries import deployments, red
from apps.monitoring.queries.ranking import KINDS
from apps.monitoring.queries.red import Figures
from apps.monitoring.queries.slowest import Exemplar, exemplars

QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999))
# More lines than these hide what they mark.
_MOST_MARKS: Final = 12
_SLOW, _FAILED = ("#d97706", "circle-open"), ("#dc2626", "x")
_Steps = tuple[list[datetime], float, dict[datetime, Figures]]


def _steps(ask: Ask) -> _Steps:
    """The steps that are over, their seconds, and what was in them; read once for all charts."""
    kept: _Steps | None = ask.filters.get("_steps")
    if kept is None:
        steps, length, found = red.over_time(ask.time_range, ask.step_s, wanted(ask.filters))
        # A step that still runs would look like a drop.
        over = [at for at in steps if at + length <= datetime.now(UTC)] or steps
        kept = (over, length.total_seconds(), red.by_step(found))
        ask.filters["_steps"] = kept
    return kept


def _line(ask: Ask, name: str, value: Callable[[Figures, float], float | None]) -> Line:
    steps, seconds, found = _steps(ask)
    xs = [round(at.timestamp() * 1000) for at in steps]
    return Line(name, xs, [value(found[at], seconds) if at in found else None for at in steps])


def _rate(ask: Ask) -> list[Line]:
    return [_line(ask, _("all"), lambda figures, seconds: figures.n / seconds)]


def _errors(ask: Ask) -> list[Line]:
    def share(count: int, figures: Figures) -> float | None:
        return 100 * count / figures.n if figures.n else None

    lines = [_line(ask, _("errors"), lambda figures, _s: share(figures.err, figures))]
    found = _steps(ask)[2]
    if any(figures.classes[3] for figures in found.values()):
        lines.append(_line(ask, "4xx", lambda figures, _s: share(figures.classes[3], figures)))
    return lines


def _durations(ask: Ask) -> list[Line]:
    def at(q: float) -> Callable[[Figures, float], float | None]:
        def value(figures: Figures, _seconds: float) -> float | None:
            seconds = figures.quantile(q)
            return None if seconds is None else 1000 * seconds

        return value

    return [_line(ask, name, at(q)) for name, q in QUANTILES]


WHY: Final = gettext_lazy("No server, consumer or root span came in this range.")
COMMAND: Final = "opentelemetry-instrument <command>"
CHARTS: Final = (
    Chart("durations", gettext_lazy("Response time"), "ms", _durations, WHY, COMMAND),
    Chart("rate", gettext_lazy("Requests"), "req/s", _rate, WHY, COMMAND),
    Chart("errors", gettext_lazy("Errors"), "%", _errors, WHY, COMMAND),
)


class PerformanceParameters(BoardParameters):
    """Which operations."""

    service = serializers.CharField(default="", allow_blank=True, max_length=600)
    text = serializers.CharField(default="", allow_blank=True, max_length=200)
    kind = serializers.ChoiceField(
        [kind for kind in KINDS if kind], required=False, allow_blank=True
    )


class OperationParameters(PerformanceParameters):
    """Which one."""

    name = serializers.CharField(default="", allow_blank=True, max_length=600)


class PerformanceBoard(Board):
    """All operations of a service, or of all services, as one; deployments as lines."""

    charts: ClassVar[Sequence[Chart]] = CHARTS
    parameters = PerformanceParameters
    required_permissions: ClassVar = {"GET": "monitoring.view_span"}

    def marks(self, ask: Ask) -> list[Mark]:
        """The newest deployments of the range."""
        service = ask.filters["service"]
        found = deployments.between([service] if service else [], ask.time_range)
        return [
            Mark(one.at, one.version if service else f"{one.service} {one.version}")
            for one in found[-_MOST_MARKS:]
        ]


class OperationBoard(PerformanceBoard):
    """One operation, with traces that show what it does."""

    parameters = OperationParameters

    def points(self, ask: Ask) -> Mapping[str, Sequence[Points]]:
        """The slowest traces, and those that failed."""
        found = exemplars(ask.time_range, wanted(ask.filters))
        groups = [
            _points("slow", _SLOW, [one for one in found if not one.failed]),
            _points("failed", _FAILED, [one for one in found if one.failed]),
        ]
        return {"durations": [group for group in groups if group.x]}


def _points(name: str, look: tuple[str, str], found: list[Exemplar]) -> Points:
    return Points(
        name,
        *look,
        [round(one.at.timestamp() * 1000) for one in found],
        [1000 * one.duration_s for one in found],
        [f"{1000 * one.duration_s:.3g} ms" for one in found],
        [trace_url(one) for one in found],
    )


def trace_url(exemplar: Exemplar) -> Any:
    """The page of its trace."""
    return reverse("trace", args=[exemplar.trace_id.hex])
