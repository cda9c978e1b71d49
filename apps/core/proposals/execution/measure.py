"""Did it help? Watch the guard, wait for the window, then keep it or put it back."""

from datetime import datetime, timedelta

from django.db.models.functions import Now

from apps.core.clock import db_now
from apps.core.proposals import conf
from apps.core.proposals.execution.change import begin_undo, give_up
from apps.core.proposals.execution.claims import Claim
from apps.core.proposals.execution.journal import LostError
from apps.core.proposals.kinds import Kind
from apps.core.proposals.machine import Move
from apps.core.proposals.models import Proposal
from apps.core.proposals.services.moves import told
from apps.core.proposals.verdict import Measurement, Outcome, Terms, Verdict, judge


def look(claim: Claim, kind: Kind) -> None:
    """One look at a change that is being measured. Raises LostError."""
    proposal, now = claim.proposal, db_now()
    applied_at = proposal.applied_at or now
    settled = applied_at + timedelta(seconds=kind.settle_s)
    last = now >= settled + timedelta(seconds=kind.longest_s)
    trouble, harm = _troubles(claim, kind, applied_at, now)
    if harm == "drift":
        return give_up(claim, "Someone changed the target while it was being measured.")
    if harm:
        return begin_undo(claim, kind, harm, Outcome.HARMED)
    due = settled + timedelta(seconds=kind.window_s)
    if now < due:
        return claim.release(_wait_s(now, due), trouble, failed=False)
    after = Measurement(None, 0)
    if not trouble:
        try:
            after = kind.measure(proposal.target, settled, now)
        except Exception as error:  # noqa: BLE001 (not measured is not a gain of 0)
            trouble = told(error)
    last = last or proposal.attempts > conf.ATTEMPTS
    before = Measurement.from_json(proposal.before)
    found = judge(before, after, terms(kind, proposal), last=last)
    return _decide(claim, kind, found, after, trouble)


def terms(kind: Kind, proposal: Proposal) -> Terms:
    """What this kind asks of this change."""
    least = kind.least_gain(proposal)
    return Terms(kind.direction, kind.relative, least, kind.least_samples, kind.unmeasurable)


def _troubles(claim: Claim, kind: Kind, since: datetime, now: datetime) -> tuple[str, str]:
    """What could not be asked, and what got worse."""
    proposal = claim.proposal
    try:
        if kind.fingerprint(proposal.target) != proposal.applied_fingerprint:
            return "", "drift"
        return "", kind.guard(proposal.target, since, now) or ""
    except Exception as error:  # noqa: BLE001 (not asked is neither harm nor gain)
        return told(error), ""


def _decide(claim: Claim, kind: Kind, found: Verdict, after: Measurement, trouble: str) -> None:
    columns = {
        "after": after.as_json(),
        "gain": found.gain.as_json() if found.gain else None,
    }
    if found.action == "extend" or found.outcome is None:
        return claim.release(conf.WATCH_S, trouble, failed=False)
    if found.action == "roll_back":
        return begin_undo(claim, kind, _why(found), found.outcome, **columns)
    moved = claim.move(
        Move.KEEP, _why(found), outcome=found.outcome.value, failure=trouble, ended_at=Now(),
        **columns,
    )  # fmt: skip
    if not moved:
        raise LostError
    return claim.drop()


def _why(found: Verdict) -> str:
    if found.gain is None:
        return "The gain could not be measured; the kind's default decides."
    gain = found.gain
    return f"Measured gain {gain.value:.4g}, interval {gain.low:.4g} to {gain.high:.4g}."


def _wait_s(now: datetime, due: datetime) -> float:
    return min(max(0.0, (due - now).total_seconds()), conf.WATCH_S)
