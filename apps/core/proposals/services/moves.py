"""One move of one proposal: a guarded UPDATE, its line of history, its audit entry."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.masking import mask_text
from apps.core.proposals.machine import BUSY, Move, State, advance
from apps.core.proposals.models import Proposal, ProposalEvent
from apps.core.services import audit

CLOCK = "clock"
EXECUTOR = "executor"
_LONGEST_TEXT = 2000
# Nothing more is owed to the worker in these.
_FINAL = frozenset(State) - {
    State.PROPOSED, State.APPROVED, State.APPLYING, State.MEASURING, State.ROLLING_BACK,
}  # fmt: skip


class TargetBusyError(Exception):
    """Another change of the same target is under way."""


def make(
    proposal: Proposal,
    move: Move,
    actor: str,
    reason: str = "",
    *,
    guard: Q | None = None,
    data: Mapping[str, Any] | None = None,
    **columns: Any,
) -> bool:
    """Make the move if the row still stands where `proposal` says; False: someone else was first.

    `columns` are set with it. Raises IllegalMoveError, and TargetBusyError where another change of
    the target is under way.
    """
    before = State(proposal.state)
    after = advance(before, move)
    columns |= {"state": after.value, "changed_at": Now()}
    if after in _FINAL:
        columns.setdefault("next_at", None)
        columns.setdefault("ended_at", Now())
    try:
        with transaction.atomic():
            rows = Proposal.objects.filter(guard or Q(), pk=proposal.pk, state=before.value)
            if rows.update(**columns) != 1:
                return False
            write_down(proposal.pk, move, before, after, actor, reason, data)
    except IntegrityError as error:
        if after in BUSY and "one_change_per_target" in str(error):
            raise TargetBusyError from error
        raise
    proposal.refresh_from_db()
    return True


def write_down(
    pk: uuid.UUID,
    move: Move | str,
    before: State | str,
    after: State | str,
    actor: str,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add the line of history and the audit entry, in the caller's transaction."""
    was = {"state": str(before)} if before else None
    told_why = {"reason": clean(reason)} if reason else {}
    audit.record(
        actor, f"proposal.{move}", f"proposal {pk}", was, {"state": str(after), **told_why}
    )
    ProposalEvent.objects.create(
        proposal_id=pk, move=str(move), before=str(before), after=str(after), actor=actor[:160],
        reason=clean(reason), data=dict(data or {}),
    )  # fmt: skip


def clean(text: str) -> str:
    """Text for people without secrets, in bounded length, as PostgreSQL can store it."""
    plain = text[: 4 * _LONGEST_TEXT].replace("\0", "�")
    plain = plain.encode("utf-8", "replace").decode()
    return mask_text(plain)[:_LONGEST_TEXT]


def told(error: BaseException) -> str:
    """An error as it may be shown: its kind and words, masked."""
    words = str(error).strip() or "no message"
    return clean(f"{type(error).__name__}: {words}")
