"""Which approvals count, and what is still missing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.proposals import conf, kinds
from apps.core.proposals.errors import UnknownKindError
from apps.core.proposals.machine import Risk, approvals_needed
from apps.core.proposals.models import Approval, Proposal
from apps.core.proposals.services import rules
from apps.core.proposals.services.people import may


@dataclass(frozen=True, slots=True)
class Count:
    """The approvals that count now, and how many people are still needed.

    `good_until`: when the oldest of them is 24 hours old. `rule`: an operator's word that makes
    approvals unnecessary.
    """

    approvals: tuple[Approval, ...]
    missing: int
    good_until: datetime | None
    rule: bool = False


def count(proposal: Proposal, now: datetime) -> Count:
    """Judge the approvals as of `now`.

    One counts while it is for this plan, younger than 24 hours, and its person is still staff who
    may approve; the author's never does for HIGH, nor where the kind excludes them.
    """
    given = Approval.objects.filter(proposal=proposal).select_related("user").order_by("at", "pk")
    valid = tuple(approval for approval in given[:100] if _counts(approval, proposal, now))
    rule = rules.allowing(proposal.kind, proposal.target, proposal.risk) is not None
    missing = max(0, approvals_needed(Risk(proposal.risk)) - len(valid))
    oldest = min((approval.at for approval in valid), default=None)
    until = oldest + timedelta(seconds=conf.VALID_S) if oldest else None
    return Count(valid, 0 if rule else missing, until, rule)


def is_excluded(user_pk: int | None, proposal: Proposal) -> bool:
    """Whether this person's word does not count, for they proposed the change."""
    if user_pk is None or proposal.author_id != user_pk:
        return False
    return proposal.risk == Risk.HIGH or not _author_may(proposal.kind)


def _counts(approval: Approval, proposal: Proposal, now: datetime) -> bool:
    if approval.user is None or approval.plan_hash != proposal.plan_hash:
        return False
    if approval.at + timedelta(seconds=conf.VALID_S) <= now:
        return False
    return not is_excluded(approval.user_id, proposal) and may(approval.user, "approve_proposal")


def _author_may(kind: str) -> bool:
    try:
        return kinds.get(kind).author_may_approve
    except UnknownKindError:
        return False
