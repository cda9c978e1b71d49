"""One round of the worker. Any number of them may run at once."""

import time
import uuid
from dataclasses import dataclass

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.proposals import conf, kinds
from apps.core.proposals.errors import IllegalMoveError, UnknownKindError
from apps.core.proposals.execution import change, claims, measure, start
from apps.core.proposals.execution.claims import Claim
from apps.core.proposals.execution.journal import LostError
from apps.core.proposals.machine import BUSY, OPEN, Move, State
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import moves, rules

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Summary:
    """What one round did."""

    expired: int = 0
    allowed: int = 0
    handled: int = 0
    troubles: int = 0


def run_due(budget_s: float = conf.RUN_BUDGET_S) -> Summary:
    """End what is too late, approve what rules allow, and work on everything that is due."""
    until = time.monotonic() + budget_s
    done = Summary(expired=_expire(), allowed=rules.allow_waiting())
    seen: list[uuid.UUID] = []
    while time.monotonic() < until and len(seen) < conf.RUN_LIMIT:
        claimed = claims.claim(seen)
        if claimed is None:
            break
        seen.append(claimed.proposal.pk)
        done.handled += 1
        with claimed:
            done.troubles += not _handled(claimed)
    return done


def _handled(claim: Claim) -> bool:
    try:
        _work(claim)
    except (LostError, IllegalMoveError):
        # A person or another worker moved it on; what was begun is theirs to find at the target.
        claim.drop()
    except Exception as error:
        log.exception("proposal_not_handled", proposal=str(claim.proposal.pk))
        _not_handled(claim, moves.told(error))
        return False
    return True


def _not_handled(claim: Claim, failure: str) -> None:
    """Try again later; a target must not stay blocked for good, so a person is asked in the end."""
    claim.proposal.refresh_from_db()
    if claim.proposal.state in BUSY and claim.proposal.attempts >= conf.ATTEMPTS:
        change.give_up(claim, failure)
    else:
        claim.release(conf.RETRY_S, failure, failed=True)


def _work(claim: Claim) -> None:
    if claim.proposal.state == State.APPROVED:
        if not start.start(claim):
            return None
        claim.taken_over = False
    try:
        kind = kinds.get(claim.proposal.kind)
    except UnknownKindError as error:
        return change.give_up(claim, error.message)
    state = claim.proposal.state
    if state == State.APPLYING:
        return change.apply(claim, kind)
    if state == State.MEASURING:
        return measure.look(claim, kind)
    if state == State.ROLLING_BACK:
        return change.put_back(claim, kind)
    return claim.drop()


def _expire() -> int:
    late = Q(expires_at__lte=Now())
    rows = Proposal.objects.filter(late, state__in=OPEN).order_by("expires_at")[: conf.RUN_LIMIT]
    ended = 0
    for proposal in rows:
        why = "Nobody decided in time."
        if proposal.state == State.APPROVED:
            why = "It was not begun in time."
        ended += moves.make(proposal, Move.EXPIRE, moves.CLOCK, why, guard=late)
    return ended
