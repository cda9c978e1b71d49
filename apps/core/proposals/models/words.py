"""How states, risks and outcomes read."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.core.proposals.machine import Move, Risk, State
from apps.core.proposals.verdict import Outcome

STATES: Final[list[tuple[str, Any]]] = [
    (State.PROPOSED.value, _("Proposed")),
    (State.APPROVED.value, _("Approved")),
    (State.APPLYING.value, _("Being applied")),
    (State.MEASURING.value, _("Being measured")),
    (State.ROLLING_BACK.value, _("Being rolled back")),
    (State.KEPT.value, _("Kept")),
    (State.ROLLED_BACK.value, _("Rolled back")),
    (State.REJECTED.value, _("Rejected")),
    (State.EXPIRED.value, _("Expired")),
    (State.VOID.value, _("Void")),
    (State.FAILED.value, _("Needs a person")),
]
RISKS: Final[list[tuple[str, Any]]] = [
    (Risk.LOW.value, _("Low")),
    (Risk.MEDIUM.value, _("Medium")),
    (Risk.HIGH.value, _("High")),
]
OUTCOMES: Final[list[tuple[str, Any]]] = [
    (Outcome.GAINED.value, _("It gained what it should")),
    (Outcome.NO_GAIN.value, _("It did not help enough")),
    (Outcome.HARMED.value, _("It made things worse")),
    (Outcome.NOT_MEASURABLE.value, _("The gain could not be measured")),
    (Outcome.APPLY_FAILED.value, _("It could not be applied")),
    (Outcome.ASKED.value, _("A person asked for it")),
    (Outcome.STOPPED.value, _("Applying was switched off")),
]
MOVES: Final[list[tuple[str, Any]]] = [
    ("propose", _("Proposed")),
    ("sign", _("One approval given")),
    ("ask", _("Asked to begin now")),
    (Move.APPROVE.value, _("Approved")),
    (Move.WITHDRAW.value, _("Approval no longer enough")),
    (Move.REJECT.value, _("Rejected")),
    (Move.EXPIRE.value, _("Expired")),
    (Move.VOID.value, _("Void")),
    (Move.START.value, _("Begun")),
    (Move.APPLIED.value, _("Applied, now measuring")),
    (Move.KEEP.value, _("Kept")),
    (Move.ROLL_BACK.value, _("Turned round")),
    (Move.UNDONE.value, _("Put back")),
    (Move.GIVE_UP.value, _("Handed to a person")),
    (Move.RESOLVE_KEPT.value, _("Settled by a person: in place")),
    (Move.RESOLVE_UNDONE.value, _("Settled by a person: put back")),
]
