"""Where an escalation goes from one of its steps: no clock, no database.

A step says what became of it (a verdict); `advance` says where the escalation stands then. Every
plan ends: a step goes forward, waits for something outside, or begins again a bounded number of
times.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.alerts.models.escalation import MOST_REPEATS


@dataclass(frozen=True, slots=True)
class Position:
    """The step that is due next, and how often the plan has begun again."""

    step: int = 0
    repeat_no: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The step has had its effect; the next one is due after `wait_s`."""

    wait_s: float = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """The step's condition is not met: look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Again:
    """Begin again, unless that was done `most` times."""

    most: int


@dataclass(frozen=True, slots=True)
class End:
    """The escalation is over."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where it stands now. `due` is None when it is over."""

    position: Position
    due: datetime | None


def advance(position: Position, verdict: Done | Hold | Again | End, now: datetime) -> Move:
    """The step at `position` came to this verdict at `now`."""
    match verdict:
        case End():
            return Move(position, None)
        case Hold(until):
            return Move(position, max(until, now))
        case Again(most) if position.repeat_no < min(most, MOST_REPEATS):
            return Move(Position(0, position.repeat_no + 1), now)
        case Again():
            return Move(Position(position.step + 1, position.repeat_no), now)
        case Done(wait_s):
            due = now + timedelta(seconds=wait_s)
            return Move(Position(position.step + 1, position.repeat_no), due)
