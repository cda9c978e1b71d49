"""How the closed loop refuses."""

from apps.core.errors import ConflictError, InvalidInputError


class IllegalMoveError(ConflictError):
    """The state of the proposal knows no such move."""

    code = "illegal_move"


class PlanChangedError(ConflictError):
    """The caller approved another plan than the one that stands; details name the current hash."""

    code = "plan_changed"


class DriftError(ConflictError):
    """The target, or the reason for the change, is no longer what it was: the proposal is void."""

    code = "drift"


class CoolingDownError(ConflictError):
    """The target was changed a moment ago, or since the evidence was seen."""

    code = "cooling_down"


class UnknownKindError(InvalidInputError):
    """No app has registered this kind of proposal."""

    code = "unknown_kind"
