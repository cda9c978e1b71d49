"""The steps of a change: the intent is committed before each effect, its end after it."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from apps.core.proposals.execution.claims import Claim
from apps.core.proposals.kinds import Kind, Step, StepState
from apps.core.proposals.models import ProposalStep
from apps.core.proposals.models.history import StepMark
from apps.core.proposals.services.moves import told


class LostError(Exception):
    """The lease is over, or a person moved the proposal on: this worker has no say any more."""


def steps_of(claim: Claim) -> list[ProposalStep]:
    """The journal, in order."""
    return list(ProposalStep.objects.filter(proposal=claim.proposal).order_by("number"))


def step_of(row: ProposalStep) -> Step:
    """The step as it was planned, whatever the code says by now."""
    return Step(row.name, row.do, row.undo)


def mark(claim: Claim, row: ProposalStep, to: StepMark, **columns: Any) -> None:
    """Write down how the step stands, while the lease lasts. Raises LostError."""
    with transaction.atomic():
        if not claim.renew():
            raise LostError
        ProposalStep.objects.filter(pk=row.pk).update(mark=to, **columns)
    row.mark = to


def do(claim: Claim, kind: Kind, row: ProposalStep) -> str:
    """Carry out one step unless the target has it already; why it failed, or nothing.

    Raises LostError.
    """
    step = step_of(row)
    state = StepState.NOT_DONE
    if row.mark == StepMark.STARTED:
        # A worker died on it: only the target knows whether the effect is there.
        state = ask(kind, step)
    if state is StepState.UNKNOWN:
        return f"Nobody can tell whether “{row.name}” was done before its worker was lost."
    if state is StepState.NOT_DONE:
        mark(claim, row, StepMark.STARTED, started_at=Now())
        try:
            kind.apply(step)
        except Exception as error:  # noqa: BLE001 (whatever a kind raises, it is put back)
            return f"“{row.name}” failed: {told(error)}"
        if ask(kind, step) is not StepState.DONE:
            return f"“{row.name}” said it was done, and is not to be seen at the target."
    mark(claim, row, StepMark.DONE, ended_at=Now())
    return ""


def undo(claim: Claim, kind: Kind, row: ProposalStep) -> str:
    """Put one step back; why that failed, or nothing. Raises LostError."""
    step = step_of(row)
    if row.mark in (StepMark.WAITING, StepMark.UNDONE):
        return ""
    uncertain = row.mark in (StepMark.STARTED, StepMark.UNDOING)
    if not (uncertain and ask(kind, step) is StepState.NOT_DONE):
        mark(claim, row, StepMark.UNDOING)
        try:
            kind.undo(step)
        except Exception as error:  # noqa: BLE001 (whatever a kind raises, a person must know)
            return f"Undoing “{row.name}” failed: {told(error)}"
    mark(claim, row, StepMark.UNDONE, ended_at=Now())
    return ""


def ask(kind: Kind, step: Step) -> StepState:
    """How the step stands at the target; UNKNOWN where it cannot be asked."""
    try:
        return StepState(kind.state_of(step))
    except Exception:  # noqa: BLE001 (an error is never good news, nor bad news)
        return StepState.UNKNOWN
