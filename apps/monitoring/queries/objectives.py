"""Objectives judged: the figure of each window against the goal, and how many windows met it.

A window without data is no window: it neither meets the goal nor misses it.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Final, Literal

from django.db import OperationalError

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.models import Objective
from apps.monitoring.queries import reads, series
from apps.monitoring.queries.series import SeriesQuery

Verdict = Literal["met", "missed", "unknown"]
MOST: Final = 100
_BUDGET_S: Final = 8.0
# Fewer windows on either side are no trend.
_FEWEST_FOR_TREND: Final = 4


@dataclass(frozen=True, slots=True)
class Judgement:
    """An objective over a range.

    `current`: the newest window's figure, None where that has no data. `best` and `worst`: of all
    windows. `attained`: the share of windows with data that met the goal. `trend`: the mean of the
    later half of the range against the earlier one, as a ratio less one. `points`: each window's
    figure. `error`: why it could not be judged at all.
    """

    objective: Objective
    verdict: Verdict
    unit: str = ""
    current: float | None = None
    best: float | None = None
    worst: float | None = None
    attained: float | None = None
    windows: int = 0
    trend: float | None = None
    points: list[tuple[datetime, float | None]] = field(default_factory=list)
    error: str = ""


def judge_all(objectives: Iterable[Objective], time_range: TimeRange) -> list[Judgement]:
    """Each in turn, for about eight seconds; those left then say so."""
    deadline = time.monotonic() + _BUDGET_S
    found = []
    with reads.by("objective"), series.shared():
        for objective in objectives:
            if time.monotonic() > deadline:
                found.append(Judgement(objective, "unknown", objective.unit, error="late"))
            else:
                found.append(judge(objective, time_range))
    return found


def judge(objective: Objective, time_range: TimeRange) -> Judgement:
    """One objective; what its metric cannot give is told in `error`."""
    try:
        unit, points = _points(objective, time_range)
    except InvalidInputError as error:
        return Judgement(objective, "unknown", objective.unit, error=str(error.words))
    except OperationalError:
        return Judgement(objective, "unknown", objective.unit, error="late")
    known = [value for _, value in points if value is not None]
    if not known:
        return Judgement(objective, "unknown", unit, points=points)
    met = [_meets(objective, value) for value in known]
    attained = sum(met) / len(met)
    below = objective.side == Objective.Side.BELOW
    once = objective.reach == Objective.Reach.ONCE
    kept = any(met) if once else attained >= objective.share
    return Judgement(
        objective,
        "met" if kept else "missed",
        unit,
        current=points[-1][1],
        best=min(known) if below else max(known),
        worst=max(known) if below else min(known),
        attained=attained,
        windows=len(known),
        trend=_trend([value for _, value in points]),
        points=points,
    )


def _meets(objective: Objective, value: float) -> bool:
    if objective.side == Objective.Side.BELOW:
        return value < objective.goal
    return value >= objective.goal


_Points = dict[tuple[tuple[str, str], ...], dict[datetime, float | None]]


def _points(
    objective: Objective, time_range: TimeRange
) -> tuple[str, list[tuple[datetime, float | None]]]:
    """The unit, and the figure of each complete window: of several groups the worst."""
    unit, groups = _read(objective, objective.metric, objective.scope, time_range)
    if objective.over_metric:
        unit = "1"
        _, under = _read(objective, objective.over_metric, objective.over_scope, time_range)
        groups = {
            labels: _ratios(values, under.get(labels, {}), complement=objective.complement)
            for labels, values in groups.items()
        }
    worst = max if objective.side == Objective.Side.BELOW else min
    steps = sorted({step for values in groups.values() for step in values})
    points = []
    for step in steps:
        known = [v for values in groups.values() if (v := values.get(step)) is not None]
        points.append((step, worst(known) if known else None))
    return unit, points


def _read(
    objective: Objective, metric: str, scope: dict[str, str], time_range: TimeRange
) -> tuple[str, _Points]:
    query = SeriesQuery(metric, objective.aggregation, scope, tuple(objective.by))
    # At most as many windows as a chart has points: over long ranges windows grow.
    step_s = max(objective.window_s, math.ceil(time_range.duration_s / 500))
    whole = _whole(time_range, step_s)
    lines = series.read(query, whole, step_s)
    return (lines[0].unit if lines else objective.unit), {
        tuple(sorted(line.labels.items())): {
            at: value for at, value in line.points if at >= whole.start
        }
        for line in lines
    }


def _whole(time_range: TimeRange, step_s: int) -> TimeRange:
    """Without the window still running: it has not had its time yet."""
    end_s = time_range.end.timestamp() // step_s * step_s
    start_s = time_range.start.timestamp() // step_s * step_s
    end = datetime.fromtimestamp(max(end_s, start_s + step_s), tz=time_range.end.tzinfo)
    return TimeRange(datetime.fromtimestamp(start_s, tz=time_range.end.tzinfo), end)


def _ratios(
    over: dict[datetime, float | None], under: dict[datetime, float | None], *, complement: bool
) -> dict[datetime, float | None]:
    found: dict[datetime, float | None] = {}
    for step, value in over.items():
        divisor = under.get(step)
        # Nothing divided by nothing is no figure.
        ratio = None if value is None or not divisor else value / divisor
        found[step] = 1 - ratio if complement and ratio is not None else ratio
    return found


def _trend(values: Sequence[float | None]) -> float | None:
    middle = len(values) // 2
    halves = [[v for v in half if v is not None] for half in (values[:middle], values[middle:])]
    if min(map(len, halves)) < _FEWEST_FOR_TREND:
        return None
    before, after = map(fmean, halves)
    return after / before - 1 if before > 0 else None


def enabled() -> list[Objective]:
    """Those in force, in the order people see."""
    order = list(Objective.Group.values)
    found = Objective.objects.filter(enabled=True)[:MOST]
    return sorted(found, key=lambda one: order.index(one.group))
