"""The state machine of one alert instance: no clock, no database, no settings.

An instance is one rule judged over one set of labels. Every evaluation hands `advance` what was
observed at one tick; back come the new condition and the effects that must be committed with it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

# Grafana's default: a series may miss one evaluation before its alert ends as missing.
MISSED_EVALUATIONS: Final = 2


class State(StrEnum):
    """Where an instance stands between two evaluations."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


ACTIVE: Final = (State.PENDING, State.FIRING, State.RECOVERING)
OPEN: Final = (State.FIRING, State.RECOVERING)


class Result(StrEnum):
    """What one evaluation saw of one instance."""

    BREACH = "breach"
    OK = "ok"
    MISSING = "missing"
    NODATA = "nodata"
    ERROR = "error"


class NoDataPolicy(StrEnum):
    """What a rule makes of an evaluation that found no data at all."""

    KEEP_LAST = "keep_last"
    ALERTING = "alerting"
    OK = "ok"
    MISSING = "missing"


class Severity(StrEnum):
    """How bad a breach is."""

    WARNING = "warning"
    CRITICAL = "critical"


RANK: Final[dict[Severity | None, int]] = {None: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Reason(StrEnum):
    """Why an instance became active, or why it ended."""

    BREACH = "breach"
    OK = "ok"
    NODATA = "nodata"
    MISSING_SERIES = "missing_series"
    ERROR = "error"
    OVERFLOW = "overflow"
    PAUSED = "paused"
    CHANGED = "changed"
    DELETED = "deleted"


class Effect(StrEnum):
    """What a step owes the rest of the world."""

    OPENED = "opened"
    CANCELLED = "cancelled"
    FIRED = "fired"
    SEVERITY_RAISED = "severity_raised"
    SEVERITY_CHANGED = "severity_changed"
    RECOVERING = "recovering"
    FIRED_AGAIN = "fired_again"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Timing:
    """The durations of a rule, in seconds."""

    for_s: float
    interval_s: float
    keep_firing_for_s: float = 0
    no_data: NoDataPolicy = NoDataPolicy.KEEP_LAST


@dataclass(frozen=True, slots=True)
class Condition:
    """All that must be kept of an instance between evaluations.

    `observed_s` is breach time that was seen, not wall time: an outage of the portal adds at most
    two intervals. `notified` is the worst severity this episode has been announced with.
    """

    state: State = State.INACTIVE
    reason: Reason = Reason.BREACH
    active_at: datetime | None = None
    seen_at: datetime | None = None
    observed_s: float = 0
    keep_since: datetime | None = None
    missed: int = 0
    severity: Severity | None = None
    notified: Severity | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The condition after an evaluation and what follows from it."""

    condition: Condition
    effects: tuple[Effect, ...] = ()


def advance(
    condition: Condition,
    result: Result,
    tick: datetime,
    timing: Timing,
    severity: Severity | None = None,
) -> Step:
    """One evaluation. `severity` is what a BREACH amounts to; other results ignore it."""
    if result is Result.ERROR:
        return Step(condition)
    if result is Result.NODATA:
        return _no_data(condition, tick, timing)
    if result is Result.MISSING:
        return _missing(condition, Reason.MISSING_SERIES)
    if result is Result.OK:
        return _ok(replace(condition, missed=0), tick, timing)
    return _breach(condition, tick, timing, severity or Severity.WARNING, Reason.BREACH)


def stop(condition: Condition, reason: Reason) -> Step:
    """End the instance from outside: its rule was paused, deleted, or watches something else."""
    if condition.state not in ACTIVE:
        return Step(condition)
    return _end(condition, reason)


def _no_data(condition: Condition, tick: datetime, timing: Timing) -> Step:
    if timing.no_data is NoDataPolicy.ALERTING:
        # The kind of trouble may change while pending; the time already observed still counts.
        severity = condition.severity or Severity.WARNING
        return _breach(condition, tick, timing, severity, Reason.NODATA)
    if timing.no_data is NoDataPolicy.OK:
        return _ok(replace(condition, missed=0), tick, timing, Reason.NODATA)
    if timing.no_data is NoDataPolicy.MISSING:
        return _missing(condition, Reason.NODATA)
    return Step(condition)


def _missing(condition: Condition, reason: Reason) -> Step:
    if condition.state not in ACTIVE:
        return Step(condition)
    missed = condition.missed + 1
    if missed < MISSED_EVALUATIONS:
        return Step(replace(condition, missed=missed))
    return _end(condition, reason)


def _ok(condition: Condition, tick: datetime, timing: Timing, reason: Reason = Reason.OK) -> Step:
    if condition.state is State.PENDING:
        return _end(condition, reason)
    if condition.state is State.FIRING:
        if timing.keep_firing_for_s <= 0:
            return _end(condition, reason)
        kept = replace(condition, state=State.RECOVERING, keep_since=tick)
        return Step(kept, (Effect.RECOVERING,))
    if condition.state is State.RECOVERING:
        since = condition.keep_since or tick
        if (tick - since).total_seconds() >= timing.keep_firing_for_s:
            return _end(condition, reason)
    return Step(condition)


def _breach(
    condition: Condition, tick: datetime, timing: Timing, severity: Severity, reason: Reason
) -> Step:
    if condition.state in OPEN:
        return _still_firing(condition, tick, severity, reason)
    if condition.state is not State.PENDING:
        fresh = Condition(State.PENDING, reason, tick, tick, severity=severity)
        if timing.for_s <= 0:
            return _fire(fresh, Effect.OPENED)
        return Step(fresh, (Effect.OPENED,))
    observed = condition.observed_s + _observed(condition.seen_at or tick, tick, timing)
    pending = replace(
        condition, reason=reason, seen_at=tick, observed_s=observed, missed=0, severity=severity
    )
    return _fire(pending) if observed >= timing.for_s else Step(pending)


def _observed(seen_at: datetime, tick: datetime, timing: Timing) -> float:
    # Two breaches with a gap between them do not prove a breach all the way: cap what is credited.
    # A database clock that stepped back credits nothing.
    return max(0.0, min((tick - seen_at).total_seconds(), 2 * timing.interval_s))


def _fire(condition: Condition, *before: Effect) -> Step:
    fired = replace(condition, state=State.FIRING, notified=condition.severity)
    return Step(fired, (*before, Effect.FIRED))


def _still_firing(condition: Condition, tick: datetime, severity: Severity, reason: Reason) -> Step:
    effects: list[Effect] = []
    if condition.state is State.RECOVERING:
        effects.append(Effect.FIRED_AGAIN)
    notified = condition.notified
    if RANK[severity] > RANK[notified]:
        # Only a new worst pages: swinging between warning and critical must not page each time.
        notified = severity
        effects.append(Effect.SEVERITY_RAISED)
    elif severity is not condition.severity:
        effects.append(Effect.SEVERITY_CHANGED)
    firing = replace(
        condition,
        state=State.FIRING,
        reason=reason,
        seen_at=tick,
        keep_since=None,
        missed=0,
        severity=severity,
        notified=notified,
    )
    return Step(firing, tuple(effects))


def _end(condition: Condition, reason: Reason) -> Step:
    if condition.state is State.PENDING:
        return Step(Condition(State.INACTIVE, reason), (Effect.CANCELLED,))
    ended = replace(condition, state=State.RESOLVED, reason=reason, keep_since=None, missed=0)
    return Step(ended, (Effect.RESOLVED,))
