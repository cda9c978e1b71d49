"""What this person may do with a proposal now, and what is missing."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.proposals.machine import OPEN, State
from apps.core.proposals.queries import Detail
from apps.core.proposals.services import counting
from apps.core.proposals.services.people import may

_REVERSIBLE = (State.APPLYING, State.MEASURING, State.KEPT, State.FAILED)


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: the verb it calls, its words, what the dialog says, whether it wants a reason."""

    verb: str
    label: Any
    asks: Any
    reason: bool
    danger: bool = False


def choices(detail: Detail, user: User) -> list[Choice]:
    """The buttons, those that change something first."""
    state = State(detail.proposal.state)
    found: list[Choice] = []
    if state == State.PROPOSED and _may_approve(detail, user):
        text = _("You approve exactly this plan. It is applied once nobody else is missing.")
        found.append(Choice("approve", _("Approve"), text, reason=False))
    if state == State.APPROVED and may(user, "apply_proposal"):
        text = _("The worker begins within seconds.")
        found.append(Choice("apply", _("Apply now"), text, reason=False))
    if state in OPEN and may(user, "reject_proposal"):
        text = _("The proposal ends here. A new one can be made.")
        found.append(Choice("reject", _("Reject"), text, reason=True, danger=True))
    if state in _REVERSIBLE and may(user, "rollback_proposal"):
        text = _("Every step is undone, the last one first.")
        found.append(Choice("rollback", _("Roll back"), text, reason=True, danger=True))
    if state == State.FAILED and may(user, "rollback_proposal"):
        found += _settling()
    return found


def missing(detail: Detail, user: User) -> str:
    """What stands between the proposal and the change, in one sentence; empty when nothing does."""
    asked_for = detail.proposal.next_at is not None
    if detail.proposal.state == State.APPROVED and detail.waits_for_apply and not asked_for:
        return _("Approved. It starts when somebody presses “Apply now”.")
    if detail.proposal.state != State.PROPOSED or not detail.missing:
        return ""
    need = detail.missing
    if _has_approved(detail, user) or counting.is_excluded(user.pk, detail.proposal):
        return ngettext(
            "Needs one more person other than you.", "Needs %(n)d more people other than you.", need
        ) % {"n": need}
    return ngettext("Needs one more person.", "Needs %(n)d more people.", need) % {"n": need}


def _settling() -> list[Choice]:
    return [
        Choice(
            "resolve-undone",
            _("It is put back"),
            _("You have looked at the target and it is as it was before."),
            reason=True,
        ),
        Choice(
            "resolve-kept",
            _("It is in place"),
            _("You have looked at the target and the change is there and shall stay."),
            reason=True,
        ),
    ]


def _may_approve(detail: Detail, user: User) -> bool:
    if not may(user, "approve_proposal") or _has_approved(detail, user):
        return False
    return not counting.is_excluded(user.pk, detail.proposal)


def _has_approved(detail: Detail, user: User) -> bool:
    return any(given.approval.user_id == user.pk for given in detail.approvals)
