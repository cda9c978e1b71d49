"""What people do with a proposal."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Least, Now
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.clock import db_now
from apps.core.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    UnavailableError,
)
from apps.core.proposals import conf, kinds
from apps.core.proposals.errors import (
    DriftError,
    PlanChangedError,
)
from apps.core.proposals.machine import Move, State, advance
from apps.core.proposals.models import Approval, Proposal
from apps.core.proposals.services import checks, counting, moves, people, rules, waking

_LOST = _("Someone else was faster; look at the proposal again.")


def find(pk: Any) -> Proposal:
    """The proposal. Raises NotFoundError, also for what is no id at all."""
    try:
        key = pk if isinstance(pk, uuid.UUID) else uuid.UUID(str(pk))
    except ValueError:
        raise NotFoundError(_("There is no such proposal.")) from None
    found = Proposal.objects.filter(pk=key).first()
    if found is None:
        raise NotFoundError(_("There is no such proposal."))
    return found


def approve(pk: Any, by: Any, plan_hash: str, reason: str = "") -> Proposal:
    """One person's word for the plan with this hash; the last one needed releases the change.

    Raises NotAllowedError, PlanChangedError (another plan stands), DriftError (now void),
    UnavailableError (the target cannot be asked), ConflictError.
    """
    proposal, person = find(pk), people.require(by, "approve_proposal")
    note = _text(reason)
    if plan_hash != proposal.plan_hash:
        raise PlanChangedError(
            _("You saw another plan than the one that stands."), {"plan_hash": proposal.plan_hash}
        )
    advance(State(proposal.state), Move.APPROVE)
    if counting.is_excluded(person.pk, proposal):
        raise NotAllowedError(_("Who proposed this change cannot approve it."))
    if _expire_late(proposal):
        raise ConflictError(_("This proposal has expired."))
    if why := checks.why_void(proposal):
        moves.make(proposal, Move.VOID, moves.CLOCK, why, decision_reason=why)
        raise DriftError(why)
    _sign(proposal, person, note)
    return proposal


def reject(pk: Any, by: Any, reason: str) -> Proposal:
    """Turn a proposal down, also one that is approved and not yet begun; a reason is needed."""
    proposal, person = find(pk), people.require(by, "reject_proposal")
    note = _text(reason, needed=True)
    name = person.get_username()
    _won(moves.make(proposal, Move.REJECT, name, note, decision_reason=moves.clean(note)))
    return proposal


def apply_now(pk: Any, by: Any) -> Proposal:
    """Let the worker start an approved proposal without further waiting."""
    proposal, person = find(pk), people.require(by, "apply_proposal")
    if proposal.state != State.APPROVED:
        advance(State(proposal.state), Move.START)
    if why := rules.stopped():
        raise ConflictError(_("Applying is stopped."), {"why": why})
    with transaction.atomic():
        rows = Proposal.objects.filter(pk=proposal.pk, state=State.APPROVED)
        _won(rows.update(next_at=Now(), changed_at=Now()) == 1)
        moves.write_down(proposal.pk, "ask", State.APPROVED, State.APPROVED, person.get_username())
        waking.wake_on_commit()
    proposal.refresh_from_db()
    return proposal


def roll_back(pk: Any, by: Any, reason: str) -> Proposal:
    """Let the worker put back what was changed; also tries again where that failed.

    Raises DriftError where a kept change was itself changed since, ConflictError where another
    change of the target is under way.
    """
    proposal, person = find(pk), people.require(by, "rollback_proposal")
    note = _text(reason, needed=True)
    advance(State(proposal.state), Move.ROLL_BACK)
    if proposal.state == State.KEPT:
        _check_as_left(proposal)
    columns: dict[str, Any] = {"outcome": "asked", "next_at": Now(), "attempts": 0}
    try:
        done = moves.make(
            proposal, Move.ROLL_BACK, person.get_username(), note, ended_at=None, **columns
        )
    except moves.TargetBusyError:
        raise ConflictError(_("Another change of this target is under way.")) from None
    _won(done)
    waking.wake_on_commit()
    return proposal


def resolve(pk: Any, by: Any, *, kept: bool, reason: str) -> Proposal:
    """A person has looked at a failed change and says how the target stands; it is free again."""
    proposal, person = find(pk), people.require(by, "rollback_proposal")
    note = _text(reason, needed=True)
    move = Move.RESOLVE_KEPT if kept else Move.RESOLVE_UNDONE
    columns: dict[str, Any] = {}
    if kept:
        columns["applied_fingerprint"] = _fingerprint(proposal)
    name = person.get_username()
    _won(moves.make(proposal, move, name, note, decision_reason=moves.clean(note), **columns))
    return proposal


def _sign(proposal: Proposal, person: User, note: str) -> None:
    with transaction.atomic():
        # The guarded update also makes two approvers count one after the other.
        standing = Proposal.objects.filter(
            pk=proposal.pk, state=State.PROPOSED, plan_hash=proposal.plan_hash,
            expires_at__gt=Now(),
        )  # fmt: skip
        _won(standing.update(changed_at=Now()) == 1)
        try:
            with transaction.atomic():
                Approval.objects.create(
                    proposal=proposal, user=person, username=person.get_username(),
                    plan_hash=proposal.plan_hash, reason=moves.clean(note),
                )  # fmt: skip
        except IntegrityError as error:
            if "core_approval_once" not in str(error):
                raise
            raise ConflictError(_("You have approved this already.")) from None
        name = person.get_username()
        moves.write_down(proposal.pk, "sign", State.PROPOSED, State.PROPOSED, name, note)
        found = counting.count(proposal, db_now())
        if found.missing == 0:
            starts = None if kinds.get(proposal.kind).waits_for_apply else Now()
            _won(moves.make(
                proposal, Move.APPROVE, name, f"Approved by {_names(found.approvals)}.",
                next_at=starts, expires_at=Least(found.good_until, _latest()),
            ))  # fmt: skip
            waking.wake_on_commit()
    proposal.refresh_from_db()


def _latest() -> Any:
    return Now() + timedelta(seconds=conf.VALID_S)


def _names(approvals: tuple[Approval, ...]) -> str:
    return ", ".join(approval.username for approval in approvals)


def _expire_late(proposal: Proposal) -> bool:
    late = Q(expires_at__lte=Now())
    return moves.make(proposal, Move.EXPIRE, moves.CLOCK, "Nobody decided in time.", guard=late)


def _check_as_left(proposal: Proposal) -> None:
    if _fingerprint(proposal) != proposal.applied_fingerprint:
        raise DriftError(_("The target was changed again after this; put it back by hand."))


def _fingerprint(proposal: Proposal) -> str:
    kind = kinds.get(proposal.kind)
    try:
        return kind.fingerprint(proposal.target)
    except Exception as error:
        raise UnavailableError(_("The target cannot be asked right now.")) from error


def _won(done: bool) -> None:  # noqa: FBT001
    if not done:
        raise ConflictError(_LOST)


def _text(reason: str, *, needed: bool = False) -> str:
    text = reason.strip()
    if needed and not text:
        raise InvalidInputError(_("Say why."))
    if len(text) > conf.REASON_LENGTH or "\0" in text:
        words = _("A reason has at most {n} characters, no NUL.")
        raise InvalidInputError(format_lazy(words, n=conf.REASON_LENGTH))
    return text
