"""A chart of many series: the largest ones, and all others as one line that hides nothing.

Cells of different groups are merged before a figure is read of them, so the line of the others is
exact: a p95 of the others is that of all their observations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Final

from apps.core.timerange import TimeRange
from apps.monitoring.queries import distributions, numbers, selection, series
from apps.monitoring.queries.series import Charted, SeriesQuery, SeriesResult
from apps.monitoring.store.rows import Kind

MOST_LINES: Final = 20


@dataclass(frozen=True)
class RankedLine:
    """A line, and its figure over the whole range; `merged` groups are in it, 1 but for others."""

    result: SeriesResult
    whole: float | None
    merged: int = 1


@dataclass(frozen=True)
class Ranked:
    """Lines with the largest figure first, then the others; `groups` lines there would be in all.

    `cut` when the query meant more series than are read.
    """

    lines: list[RankedLine]
    groups: int
    series: int
    step_s: int
    kind: str
    cut: bool


def read(query: SeriesQuery, time_range: TimeRange, step_s: int, top: int) -> Ranked | None:
    """The `top` largest groups and the others; None when no series match. Raises as `series.read`.

    Groups without a point in the range are left out.
    """
    charted = series.chart(query, time_range, step_s)
    if charted is None:
        return None
    whole = {group: _whole(charted, list(cells.values())) for group, cells in charted.cells.items()}
    labels = charted.found.labels
    order = sorted(
        charted.cells,
        key=lambda group: (-_size(whole[group]), sorted(labels[group].items())),
    )
    top = max(1, min(top, MOST_LINES))
    # One more line costs less than a line that says "one other".
    shown, rest = (order, []) if len(order) <= top + 1 else (order[:top], order[top:])
    lines = [
        RankedLine(charted.line(labels[group], charted.cells[group]), whole[group])
        for group in shown
    ]
    if rest:
        lines.append(_others(charted, rest))
    found = charted.found
    return Ranked(
        lines, len(order), len(found.ids), round(charted.chosen.step.total_seconds()),
        found.kind.name.lower(), cut=len(found.ids) >= selection.MOST_SERIES,
    )  # fmt: skip


def _size(figure: float | None) -> float:
    return float("-inf") if figure is None else figure


def _together(charted: Charted) -> Callable[[Sequence[Any]], Any]:
    histogram = charted.found.kind is Kind.HISTOGRAM
    return distributions.together if histogram else numbers.together


def _others(charted: Charted, rest: Sequence[int]) -> RankedLine:
    steps: dict[datetime, list[Any]] = {}
    for group in rest:
        for step, cell in charted.cells[group].items():
            steps.setdefault(step, []).append(cell)
    together = _together(charted)
    merged = {step: together(cells) for step, cells in steps.items()}
    line = charted.line({}, merged)
    return RankedLine(line, _whole(charted, list(merged.values())), len(rest))


def _whole(charted: Charted, cells: Sequence[Any]) -> float | None:
    """One figure over all steps; of the sum of a gauge, its mean over them."""
    aggregation = charted.query.aggregation
    if isinstance(cells[0], numbers.Cell) and aggregation == "sum" and charted.gauge:
        return fmean(cell.level for cell in cells)
    chosen = charted.chosen
    end = min(chosen.end, datetime.now(UTC))
    covered_s = max((end - chosen.start).total_seconds(), 1.0)
    merged = _together(charted)(cells)
    if isinstance(merged, numbers.Cell):
        return merged.value(aggregation, gauge=charted.gauge, covered_s=covered_s)
    answer: float | None = merged.value(aggregation, covered_s=covered_s)
    return answer
