"""A query as the lines of a chart."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from apps.core.charts import Line
from apps.core.charts.board import Ask
from apps.monitoring.queries.series import SeriesQuery, read

_MOST_LINES = 8


def of(
    query: SeriesQuery,
    name: Callable[[Mapping[str, str]], str] | None = None,
    scale: float = 1.0,
) -> Callable[[Ask], list[Line]]:
    """What a `Chart` reads: one line for each label set, at most eight, values times `scale`.

    The page's filter `service`, where there is one, narrows it to `service.name`.
    """

    def lines(ask: Ask) -> list[Line]:
        service = ask.filters.get("service")
        scope = {**query.scope, **({"service.name": service} if service else {})}
        found = read(replace(query, scope=scope), ask.time_range, ask.step_s)
        return [
            Line(
                name(result.labels) if name else _name(result.labels),
                [round(at.timestamp() * 1000) for at, _ in result.points],
                [None if value is None else value * scale for _, value in result.points],
            )
            for result in found[:_MOST_LINES]
        ]

    return lines


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(labels.values()) or "all"
