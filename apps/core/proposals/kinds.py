"""What a kind of proposal is: one small class, found by its key.

A higher app registers its kinds in `ready()`: `kinds.register(IndexOnTable())`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from apps.core.proposals.canonical import digest
from apps.core.proposals.conf import COOL_DOWN_S
from apps.core.proposals.errors import UnknownKindError
from apps.core.proposals.machine import Risk
from apps.core.proposals.verdict import Measurement

if TYPE_CHECKING:
    from apps.core.proposals.models import Proposal

Json = Mapping[str, Any]


class StepState(StrEnum):
    """How a step stands at the target itself, whatever our own journal says."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One effect: `do` and `undo` hold all it takes, for the journal outlives code and memory."""

    name: str
    do: Json = field(default_factory=dict)
    undo: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most a number of the plan may be; both are allowed."""

    least: float
    most: float


class Kind(ABC):
    """A kind of change. Stateless: one object serves every thread.

    `apply` and `undo` may run again after a crash, and must then do no harm (`IF NOT EXISTS`).
    They run outside any transaction, under a lease that is kept alive meanwhile. Everything may
    raise: nothing is then taken as good news.
    """

    key: ClassVar[str]
    label: ClassVar[Any]
    cool_down_s: ClassVar[float] = COOL_DOWN_S
    # A change needs this long to show; then so much is measured, at most until `longest_s`.
    settle_s: ClassVar[float] = 60.0
    window_s: ClassVar[float] = 300.0
    longest_s: ClassVar[float] = 1800.0
    least_samples: ClassVar[int] = 30
    direction: ClassVar[Literal["decrease", "increase"]] = "decrease"
    relative: ClassVar[bool] = True
    unmeasurable: ClassVar[Literal["keep", "roll_back"]] = "roll_back"
    author_may_approve: ClassVar[bool] = True
    # True: an approved change starts only when a person says so, as in a maintenance window.
    waits_for_apply: ClassVar[bool] = False

    @abstractmethod
    def risk(self, plan: Json) -> Risk:
        """LOW, MEDIUM or HIGH."""

    @abstractmethod
    def validate(self, target: str, plan: Json) -> None:
        """Raise InvalidInputError for a plan that cannot be meant."""

    @abstractmethod
    def describe(self, target: str, plan: Json) -> str:
        """Exactly what will be done, one line for each effect."""

    @abstractmethod
    def current(self, target: str) -> Json:
        """What the change touches, as it is now; a difference later on is drift."""

    @abstractmethod
    def rollback_plan(self, target: str, plan: Json, current: Json) -> Json:
        """What puts `current` back."""

    @abstractmethod
    def steps(self, target: str, plan: Json, rollback: Json) -> Sequence[Step]:
        """The effects, in order."""

    @abstractmethod
    def apply(self, step: Step) -> None:
        """Carry the step out. Raising means that it failed or may have failed."""

    @abstractmethod
    def state_of(self, step: Step) -> StepState:
        """Whether the step's effect is there, asked of the target."""

    @abstractmethod
    def undo(self, step: Step) -> None:
        """Put back what the step did; nothing where it did nothing."""

    @abstractmethod
    def measure(self, target: str, start: datetime, end: datetime) -> Measurement:
        """The figure that is to improve, over [start, end)."""

    def describe_rollback(self, target: str, rollback: Json) -> str:
        """What a rollback will do, one line for each effect."""
        return "\n".join(f"{target}: {name} = {value}" for name, value in rollback.items())

    def fingerprint(self, target: str) -> str:
        """Equal as long as the target is what it was."""
        return digest(self.current(target))

    def bounds(self, target: str) -> Mapping[str, Bounds]:  # noqa: ARG002 (for kinds to use)
        """Limits for numbers of the plan, by key; held again right before applying."""
        return {}

    def still_holds(self, proposal: "Proposal") -> bool:  # noqa: ARG002 (for kinds to use)
        """Whether the reason for the change is still there."""
        return True

    def guard(self, target: str, start: datetime, end: datetime) -> str | None:  # noqa: ARG002
        """What got worse since the change, told to people; None for nothing. Rolls back at once."""
        return None

    def least_gain(self, proposal: "Proposal") -> float:
        """What a change must gain to be kept: half of what was promised, else anything at all."""
        predicted = proposal.predicted or {}
        return float(predicted.get("expected") or 0.0) / 2


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add a kind; once more replaces an object of the same class. Raises ValueError on a clash."""
    known = _kinds.get(kind.key)
    if known is not None and type(known) is not type(kind):
        raise ValueError(f"Two kinds of proposal are called {kind.key}.")
    _kinds[kind.key] = kind


def unregister(key: str) -> None:
    """Take a kind away again."""
    _kinds.pop(key, None)


def get(key: str) -> Kind:
    """The kind. Raises UnknownKindError, which names those there are."""
    if key not in _kinds:
        known = ", ".join(sorted(_kinds)) or "none"
        raise UnknownKindError(f"There is no kind of proposal called {key!r}; known: {known}.")
    return _kinds[key]


def all_kinds() -> list[Kind]:
    """Every registered kind, by key."""
    return [_kinds[key] for key in sorted(_kinds)]
