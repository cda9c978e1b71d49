"""The state machine run over what a rule would have seen."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.alerts.evaluation.observed import (
    Observed,
    by_fingerprint,
    is_silent,
    result_of,
    silent_key,
)
from apps.alerts.evaluation.reading import read
from apps.alerts.machine import (
    ACTIVE,
    RANK,
    Condition,
    Effect,
    NoDataPolicy,
    Severity,
    Timing,
    advance,
)
from apps.alerts.models.rule import Rule
from apps.alerts.preview.past import PastSource

__all__ = ["Firing", "Frame", "by_fingerprint", "observe", "play"]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rule would have seen at one tick."""

    at: datetime
    series: Mapping[str, Observed]


@dataclass(slots=True)
class Firing:
    """One stretch in which an alert would have fired; `end` None: it still would."""

    labels: Mapping[str, str]
    severity: Severity
    start: datetime
    end: datetime | None = None
    worst: float | None = None


def observe(
    rule: Rule, source: PastSource, ticks: Iterable[datetime], deadline: float
) -> list[Frame]:
    """What the rule would have seen at every tick, as far as the deadline lets."""
    frames = []
    for at in ticks:
        if time.monotonic() > deadline:
            break
        source.at = at
        frames.append(Frame(at, read(rule, source)))
    return frames


def play(rule: Rule, frames: Sequence[Frame], step_s: float) -> list[Firing]:
    """The alerts the machine would have raised, in the order in which they fired."""
    # Between two ticks of a preview lie several of the rule: what is in breach at both was so all
    # the time, and so it was for up to a step before the first.
    credit_s = max(0.0, step_s - rule.interval_s)
    timing = replace(rule.timing, for_s=max(0.0, rule.for_s - credit_s), interval_s=step_s)
    conditions: dict[str, Condition] = {}
    open_: dict[str, Firing] = {}
    fired: list[Firing] = []
    for frame in frames:
        for key, one in _watched(rule, frame, conditions).items():
            _step(rule, frame, key, one, timing, conditions, open_, fired)
    return fired


def _watched(
    rule: Rule, frame: Frame, conditions: Mapping[str, Condition]
) -> dict[str, Observed | None]:
    """Every series and every active instance, as the engine takes them up."""
    active = {key: None for key, one in conditions.items() if one.state in ACTIVE}
    series = frame.series
    if not active and is_silent(series) and rule.no_data == NoDataPolicy.ALERTING and not series:
        series = {silent_key(rule): Observed(rule.scope, None)}
    return {**active, **series}


def _step(
    rule: Rule, frame: Frame, key: str, one: Observed | None, timing: Timing,
    conditions: dict[str, Condition], open_: dict[str, Firing], fired: list[Firing],
) -> None:  # fmt: skip
    condition = conditions.get(key, Condition())
    severity = one.severity(rule, condition) if one else None
    result = result_of(rule, frame.series, key, severity)
    step = advance(condition, result, frame.at, timing, severity)
    conditions[key] = step.condition
    if Effect.FIRED in step.effects:
        worst = step.condition.severity or Severity.WARNING
        open_[key] = Firing(one.labels if one else rule.scope, worst, frame.at)
        fired.append(open_[key])
    firing = open_.get(key)
    if firing is None:
        return
    if step.condition.severity and RANK[step.condition.severity] > RANK[firing.severity]:
        firing.severity = step.condition.severity
    if one is not None and one.value is not None and severity is not None:
        firing.worst = rule.thresholds.worse(firing.worst, one.value)
    if Effect.RESOLVED in step.effects:
        firing.end = frame.at
        del open_[key]
