"""The life of a proposal as one table: no clock, no database, no settings."""

from enum import StrEnum
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.proposals.errors import IllegalMoveError


class State(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    APPLYING = "applying"
    MEASURING = "measuring"
    ROLLING_BACK = "rolling_back"
    KEPT = "kept"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"
    FAILED = "failed"


class Risk(StrEnum):
    """What a change may cost when it goes wrong."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Move(StrEnum):
    """What may happen to a proposal."""

    APPROVE = "approve"
    WITHDRAW = "withdraw"
    REJECT = "reject"
    EXPIRE = "expire"
    VOID = "void"
    START = "start"
    APPLIED = "applied"
    KEEP = "keep"
    ROLL_BACK = "roll_back"
    UNDONE = "undone"
    GIVE_UP = "give_up"
    RESOLVE_KEPT = "resolve_kept"
    RESOLVE_UNDONE = "resolve_undone"


# Before anything was done.
OPEN: Final = (State.PROPOSED, State.APPROVED)
# The target is in the middle of a change, or nobody knows how it stands: no other may begin.
BUSY: Final = (State.APPLYING, State.MEASURING, State.ROLLING_BACK, State.FAILED)
# What the worker has to do with.
WORKED: Final = (State.APPROVED, State.APPLYING, State.MEASURING, State.ROLLING_BACK)
# The target was changed and the matter is closed.
CHANGED: Final = (State.KEPT, State.ROLLED_BACK)

_MOVES: Final[dict[Move, tuple[tuple[State, ...], State]]] = {
    Move.APPROVE: ((State.PROPOSED,), State.APPROVED),
    Move.WITHDRAW: ((State.APPROVED,), State.PROPOSED),
    Move.REJECT: (OPEN, State.REJECTED),
    Move.EXPIRE: (OPEN, State.EXPIRED),
    Move.VOID: (OPEN, State.VOID),
    Move.START: ((State.APPROVED,), State.APPLYING),
    Move.APPLIED: ((State.APPLYING,), State.MEASURING),
    Move.KEEP: ((State.MEASURING,), State.KEPT),
    Move.ROLL_BACK: (
        (State.APPLYING, State.MEASURING, State.KEPT, State.FAILED),
        State.ROLLING_BACK,
    ),
    Move.UNDONE: ((State.ROLLING_BACK,), State.ROLLED_BACK),
    Move.GIVE_UP: ((State.APPLYING, State.MEASURING, State.ROLLING_BACK), State.FAILED),
    Move.RESOLVE_KEPT: ((State.FAILED,), State.KEPT),
    Move.RESOLVE_UNDONE: ((State.FAILED,), State.ROLLED_BACK),
}
_APPROVALS: Final = {Risk.LOW: 1, Risk.MEDIUM: 1, Risk.HIGH: 2}


def advance(state: State, move: Move) -> State:
    """The state after `move`. Raises IllegalMoveError where `state` does not know it."""
    sources, target = _MOVES[move]
    if state not in sources:
        raise IllegalMoveError(
            format_lazy(
                _("A proposal that is {state} cannot do this: {move}."),
                state=state.replace("_", " "),
                move=move.value,
            ),
            {"state": state.value, "move": move.value},
        )
    return target


def approvals_needed(risk: Risk) -> int:
    """How many different people have to approve."""
    return _APPROVALS[risk]
