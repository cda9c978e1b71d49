"""Apply the steps one by one; when one fails, put all of them back."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from apps.core.proposals import conf
from apps.core.proposals.execution import journal
from apps.core.proposals.execution.claims import Claim
from apps.core.proposals.execution.journal import LostError
from apps.core.proposals.kinds import Kind, StepState
from apps.core.proposals.machine import Move
from apps.core.proposals.models.history import StepMark
from apps.core.proposals.services import rules
from apps.core.proposals.services.moves import told
from apps.core.proposals.verdict import Outcome


def apply(claim: Claim, kind: Kind) -> None:
    """Go on with an applying change until it is applied or put back. Raises LostError."""
    rows = journal.steps_of(claim)
    if claim.proposal.attempts > conf.ATTEMPTS:
        return begin_undo(claim, kind, "Its worker was lost again and again.")
    if claim.taken_over and (why := _not_as_written(kind, rows)):
        return begin_undo(claim, kind, why)
    for row in rows:
        if row.mark == StepMark.DONE:
            continue
        if why := rules.stopped():
            return begin_undo(claim, kind, why, Outcome.STOPPED)
        if why := journal.do(claim, kind, row):
            return begin_undo(claim, kind, why)
    return _applied(claim, kind)


def begin_undo(
    claim: Claim,
    kind: Kind,
    why: str,
    outcome: Outcome = Outcome.APPLY_FAILED,
    **columns: Any,
) -> None:
    """Turn round: from here on everything done is undone. Raises LostError."""
    failure = why if outcome is Outcome.APPLY_FAILED else claim.proposal.failure
    moved = claim.move(
        Move.ROLL_BACK, why, outcome=outcome.value, failure=failure, next_at=Now(), attempts=0,
        **columns,
    )  # fmt: skip
    if not moved:
        raise LostError
    put_back(claim, kind)


def put_back(claim: Claim, kind: Kind) -> None:
    """Undo what was done, the last step first; after some failures a person has to look.

    Raises LostError.
    """
    if claim.proposal.attempts > conf.ATTEMPTS:
        return give_up(claim, "Its worker was lost again and again while putting it back.")
    for row in reversed(journal.steps_of(claim)):
        if why := journal.undo(claim, kind, row):
            return _stuck(claim, why)
    try:
        as_before = kind.fingerprint(claim.proposal.target) == claim.proposal.fingerprint
    except Exception as error:  # noqa: BLE001 (nobody knows, so it is not done)
        return _stuck(claim, f"The target cannot be asked: {told(error)}")
    if not as_before:
        return give_up(claim, "Every step was undone, and yet the target is not what it was.")
    claim.move(Move.UNDONE)
    return claim.drop()


def give_up(claim: Claim, why: str) -> None:
    """Leave it to a person; the target stays blocked until they have settled it."""
    failure = " ".join(filter(None, (claim.proposal.failure, why)))
    claim.move(Move.GIVE_UP, why, failure=failure[:4000])
    claim.drop()


def _stuck(claim: Claim, why: str) -> None:
    if claim.proposal.attempts + 1 >= conf.ATTEMPTS:
        return give_up(claim, why)
    return claim.release(conf.RETRY_S, failed=True)


def _applied(claim: Claim, kind: Kind) -> None:
    try:
        left = kind.fingerprint(claim.proposal.target)
    except Exception as error:  # noqa: BLE001 (all is done; only the look at it has to wait)
        return claim.release(conf.RETRY_S, told(error), failed=False)
    moved = claim.move(
        Move.APPLIED, applied_at=Now(), applied_fingerprint=left, attempts=0,
        next_at=Now() + timedelta(seconds=min(kind.settle_s + kind.window_s, conf.WATCH_S)),
    )  # fmt: skip
    if not moved:
        raise LostError
    return claim.drop()


def _not_as_written(kind: Kind, rows: list[Any]) -> str:
    for row in rows:
        done = row.mark == StepMark.DONE
        if done and journal.ask(kind, journal.step_of(row)) is not StepState.DONE:
            return f"“{row.name}” was done before the worker was lost, and is not there any more."
    return ""
