"""From approved to applying: every condition once more, then the way back is committed first."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.clock import db_now
from apps.core.errors import UnavailableError
from apps.core.proposals import conf, kinds
from apps.core.proposals.canonical import canonical
from apps.core.proposals.errors import CoolingDownError
from apps.core.proposals.execution.claims import Claim
from apps.core.proposals.kinds import Kind, Step
from apps.core.proposals.machine import Move
from apps.core.proposals.models import Proposal, ProposalStep
from apps.core.proposals.services import checks, cooling, counting, moves, rules
from apps.core.proposals.services.moves import told
from apps.core.proposals.verdict import Measurement


class _NotApprovedError(Exception):
    pass


def start(claim: Claim) -> bool:
    """Whether the change has begun: the row is applying, its steps are in the journal.

    Otherwise it was put off, withdrawn or ended, and the claim is given back.
    """
    proposal = claim.proposal
    if rules.stopped():
        return _later(claim, conf.RETRY_S)
    late = claim.mine & Q(expires_at__lte=Now())
    if moves.make(proposal, Move.EXPIRE, moves.CLOCK, "It was not begun in time.", guard=late):
        return _later(claim)
    try:
        if why := checks.why_void(proposal):
            claim.move(Move.VOID, why, decision_reason=why)
            return _later(claim)
        kind = kinds.get(proposal.kind)
        now = db_now()
        before = kind.measure(proposal.target, now - timedelta(seconds=kind.window_s), now)
        steps = _steps(kind, proposal)
    except UnavailableError as error:
        cause = told(error.__cause__ or error)
        return _later(claim, conf.RETRY_S, cause)
    except Exception as error:  # noqa: BLE001 (whatever a kind raises, nothing was touched yet)
        return _later(claim, conf.RETRY_S, told(error))
    return _begun(claim, kind, before, steps)


def _begun(claim: Claim, kind: Kind, before: Measurement, steps: Sequence[Step]) -> bool:
    try:
        with transaction.atomic():
            return _begin(claim, kind, before, steps)
    except moves.TargetBusyError:
        return _later(claim, conf.RETRY_S)
    except _NotApprovedError:
        claim.proposal.refresh_from_db()
        claim.move(Move.WITHDRAW, "An approval it rested on no longer counts.", next_at=None)
    except CoolingDownError as error:
        claim.proposal.refresh_from_db()
        if error.retry_after_s is not None:
            return _later(claim, error.retry_after_s)
        claim.move(Move.VOID, error.message, decision_reason=error.message)
    return _later(claim)


def _begin(claim: Claim, kind: Kind, before: Measurement, steps: Sequence[Step]) -> bool:
    proposal = claim.proposal
    begun = claim.move(
        Move.START, started_at=Now(), before=before.as_json(), attempts=0, failure="", next_at=Now()
    )
    if not begun:
        return _later(claim)
    # After the UPDATE, so that these see what the change it may have waited for has committed.
    if counting.count(proposal, db_now()).missing:
        raise _NotApprovedError
    cooling.check(proposal.kind, proposal.target, proposal.evidence_at, kind.cool_down_s)
    ProposalStep.objects.bulk_create(
        ProposalStep(proposal=proposal, number=number, name=step.name, do=dict(step.do),
                     undo=dict(step.undo))
        for number, step in enumerate(steps)
    )  # fmt: skip
    return True


def _steps(kind: Kind, proposal: Proposal) -> list[Step]:
    steps = list(kind.steps(proposal.target, proposal.plan, proposal.rollback_plan))
    if not 1 <= len(steps) <= conf.STEPS:
        raise ValueError(f"A change has 1 to {conf.STEPS} steps, this one {len(steps)}.")
    for step in steps:
        canonical([step.name, dict(step.do), dict(step.undo)])
    return steps


def _later(claim: Claim, again_in_s: float | None = None, failure: str | None = None) -> bool:
    if again_in_s is None:
        claim.drop()
    else:
        claim.release(again_in_s, failure, failed=False)
    return False
