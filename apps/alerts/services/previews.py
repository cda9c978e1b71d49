"""What a rule would have done in the past: "would have fired 3 times in 7 days"."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts.delivery.wording import duration
from apps.alerts.evaluation import conditions
from apps.alerts.evaluation.sources import StoreSource
from apps.alerts.machine import Severity
from apps.alerts.models import Rule
from apps.alerts.preview import Firing, Frame, Grid, PastSource, observe, play
from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries.distributions import QUANTILES
from apps.monitoring.queries.series import SeriesQuery

LONGEST: Final = timedelta(days=31)
MOST_FIRINGS: Final = 200
MOST_LINES: Final = 6
_BUDGET_S: Final = 10.0
_STEPS_S: Final = (60, 120, 300, 600, 900, 1800, 3600)
# Cells read at most: those of percentiles hold whole histograms.
_MOST_CELLS: Final = {True: 40_000, False: 150_000}
# Windows are put together from at most this many steps.
_MOST_PARTS: Final = 60
# How much easier and harder the thresholds of the variants are.
_VARIANTS: Final = (-0.2, -0.1, 0.1, 0.2)


@dataclass(frozen=True)
class Variant:
    """The same rule with thresholds moved by a share; `fired` is how often it would have fired."""

    share: float
    warning: float | None
    critical: float | None
    fired: int


@dataclass(frozen=True)
class Line:
    """One series of the rule over the range: what was judged, tick by tick."""

    labels: dict[str, str]
    points: list[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Preview:
    """What would have happened in [start, end).

    `until`: how far time let it run. `firings` are the first 200; `fired` counts all. `lines` are
    the series that were worst. `held` is what the rule would have held back and why.
    """

    start: datetime
    end: datetime
    until: datetime
    step_s: int
    unit: str
    fired: int
    firings: list[Firing]
    groups: int
    lines: list[Line]
    variants: list[Variant]
    held: str

    @property
    def partial(self) -> bool:
        """Whether time ran out before the end of the range."""
        return self.until < self.end

    @property
    def sentence(self) -> str:
        """The answer in words, in the language of whoever reads it."""
        span = duration((self.until - self.start).total_seconds())
        days = (self.until - self.start) / timedelta(days=1)
        if days >= 1:
            span = ngettext("%(n)d day", "%(n)d days", round(days)) % {"n": round(days)}
        if not self.groups:
            return _("No figures in these %(span)s: nothing could have fired.") % {"span": span}
        if not self.fired:
            return _("Would not have fired in %(span)s.") % {"span": span}
        return ngettext(
            "Would have fired %(n)d time in %(span)s.",
            "Would have fired %(n)d times in %(span)s.",
            self.fired,
        ) % {"n": self.fired, "span": span}


def preview(rule: Rule, time_range: TimeRange) -> Preview:
    """Run an unsaved or stored rule over a range, with the real condition and the real machine.

    The rule must be valid. Raises InvalidInputError for a range longer than 31 days, and
    UnavailableError when the store cannot answer in time.
    """
    if time_range.duration > LONGEST:
        raise InvalidInputError(_("A preview covers at most 31 days."))
    deadline = time.monotonic() + _BUDGET_S
    condition = conditions.of(rule)
    grid = _grid(rule, condition, time_range)
    source = PastSource(grid, deadline)
    ticks = [
        at
        for i in range(1, grid.size + 1)
        if time_range.start < (at := grid.start + i * grid.step) <= grid.end
    ]
    frames = observe(rule, source, ticks, deadline)
    step_s = round(grid.step.total_seconds())
    firings = play(rule, frames, step_s)
    return Preview(
        start=time_range.start,
        end=time_range.end,
        until=time_range.end if len(frames) == len(ticks) else _last(frames, time_range),
        step_s=step_s,
        unit=condition.unit(rule, source),
        fired=len(firings),
        firings=firings[:MOST_FIRINGS],
        groups=len({key for frame in frames for key in frame.series}),
        lines=_lines(rule, frames),
        variants=_variants(rule, frames, step_s),
        held=_held(frames),
    )


def _grid(rule: Rule, condition: conditions.RuleCondition, time_range: TimeRange) -> Grid:
    """Steps as short as the figures' number allows, from far enough back."""
    reach_s = time_range.duration_s + condition.lookback_s(rule)
    histograms = rule.aggregation in QUANTILES and not condition.stands_for
    steps = _MOST_CELLS[histograms] / max(1, _groups(rule, condition))
    least_s = max(condition.step_s(rule), reach_s / steps, rule.window_s / _MOST_PARTS)
    longest = max(_STEPS_S[-1], math.ceil(least_s / 3600) * 3600)
    step_s = next((s for s in _STEPS_S if s >= least_s), longest)
    if condition.stands_for and condition.step_s(rule) > 60:
        step_s = max(step_s, condition.step_s(rule))
    step = timedelta(seconds=step_s)
    end = datetime.fromtimestamp(
        math.ceil(time_range.end.timestamp() / step_s) * step_s, tz=time_range.end.tzinfo
    )
    size = math.ceil(reach_s / step_s) + 1
    return Grid(end - size * step, step, size)


def _groups(rule: Rule, condition: conditions.RuleCondition) -> int:
    if condition.stands_for:
        return 10
    # Groups are the same whatever is asked of them; every kind of metric has a count.
    query = SeriesQuery(rule.metric, "count", rule.scope, tuple(rule.by))
    return len(StoreSource().latest(query, rule.window_s))


def _last(frames: Sequence[Frame], time_range: TimeRange) -> datetime:
    return min(frames[-1].at, time_range.end) if frames else time_range.start


def _lines(rule: Rule, frames: Sequence[Frame]) -> list[Line]:
    """The series that came furthest in the direction of the rule."""
    worst: dict[str, float] = {}
    labels: dict[str, Mapping[str, str]] = {}
    for frame in frames:
        for key, one in frame.series.items():
            if one.value is not None:
                worst[key] = rule.thresholds.worse(worst.get(key), one.value)
                labels[key] = one.labels
    above = rule.thresholds.above
    shown = sorted(worst, key=lambda key: -worst[key] if above else worst[key])[:MOST_LINES]
    return [
        Line(
            dict(labels[key]),
            [(frame.at, _value(frame, key)) for frame in frames],
        )
        for key in shown
    ]


def _value(frame: Frame, key: str) -> float | None:
    seen = frame.series.get(key)
    return None if seen is None else seen.value


def _variants(rule: Rule, frames: Sequence[Frame], step_s: int) -> list[Variant]:
    """How often thresholds a little easier and harder would have fired: the same figures judged
    again. None where the condition judges by itself."""
    if any(one.decided for frame in frames[:1] for one in frame.series.values()):
        return []
    found = []
    for share in _VARIANTS:
        moved = copy.copy(rule)
        for name in ("warning", "critical", "clear_warning", "clear_critical"):
            value = getattr(rule, name)
            setattr(moved, name, None if value is None else value + abs(value) * share)
        fired = len(play(moved, frames, step_s))
        found.append(Variant(share, moved.warning, moved.critical, fired))
    return found


def _held(frames: Sequence[Frame]) -> str:
    return next(
        (one.held for frame in reversed(frames) for one in frame.series.values() if one.held), ""
    )


def as_json(found: Preview, rule: Rule) -> dict[str, Any]:
    """The preview as the API tells it."""
    return {
        "from": found.start,
        "to": found.end,
        "until": found.until,
        "complete": not found.partial,
        "step_s": found.step_s,
        "unit": found.unit,
        "fired": found.fired,
        "summary": found.sentence,
        "held": found.held,
        "groups": found.groups,
        "thresholds": {severity.value: rule.thresholds.of(severity) if getattr(rule, severity)
                       is not None else None for severity in Severity},
        "firings": [
            {
                "labels": dict(one.labels),
                "severity": one.severity.value,
                "from": one.start,
                "to": one.end,
                "worst": one.worst,
            }
            for one in found.firings
        ],
        "variants": [
            {
                "share": one.share, "warning": one.warning, "critical": one.critical,
                "fired": one.fired,
            }
            for one in found.variants
        ],
        "series": [
            {"labels": line.labels, "points": thinned(line.points)} for line in found.lines
        ],
    }  # fmt: skip


def thinned(points: Sequence[tuple[datetime, float | None]]) -> list[tuple[datetime, float | None]]:
    """At most about 500 points that keep the extremes: of each stretch the lowest and highest."""
    if len(points) <= 500:
        return list(points)
    width = math.ceil(len(points) / 250)
    kept = []
    for first in range(0, len(points), width):
        known = [p for p in points[first : first + width] if p[1] is not None]
        if not known:
            kept.append(points[first])
            continue
        ends = {min(known, key=lambda p: p[1] or 0.0), max(known, key=lambda p: p[1] or 0.0)}
        kept += sorted(ends)
    return kept
