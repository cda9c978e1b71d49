"""What there is to see of proposals."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.core.clock import db_now
from apps.core.proposals import kinds
from apps.core.proposals.errors import UnknownKindError
from apps.core.proposals.kinds import Kind
from apps.core.proposals.machine import BUSY, State
from apps.core.proposals.models import Approval, Proposal, ProposalEvent, ProposalStep
from apps.core.proposals.services import counting
from apps.core.proposals.services.moves import told

_EVENTS = 500
# What a list does not show may be hundreds of kilobytes a row.
_LARGE = ("plan", "rollback_plan", "evidence")


@dataclass(frozen=True, slots=True)
class Given:
    """An approval, and whether it counts now."""

    approval: Approval
    counts: bool


@dataclass(frozen=True, slots=True)
class Detail:
    """One proposal with all that belongs to it.

    `label` names its kind, `does` and `undoes` say what will happen, or why nobody can say.
    `missing`: how many people still have to approve. `blocked_by`: the change under way on the
    same target. `waits_for_apply`: an approved change starts only when someone says so.
    """

    proposal: Proposal
    label: str
    does: str
    undoes: str
    approvals: tuple[Given, ...]
    missing: int
    allowed_by_rule: bool
    blocked_by: Proposal | None
    waits_for_apply: bool
    steps: tuple[ProposalStep, ...]
    events: tuple[ProposalEvent, ...]


def listing(
    state: str | None = None,
    kind: str | None = None,
    risk: str | None = None,
    target: str | None = None,
) -> QuerySet[Proposal]:
    """Proposals without their plans, filtered, for the caller to order and cut."""
    wanted = {"state": state, "kind": kind, "risk": risk, "target": target}
    chosen = {name: value for name, value in wanted.items() if value}
    return Proposal.objects.filter(**chosen).defer(*_LARGE)


def detail(proposal: Proposal) -> Detail:
    """Everything about one proposal, in a fixed number of queries."""
    kind = _kind(proposal)
    count = counting.count(proposal, db_now())
    good = {approval.pk for approval in count.approvals}
    given = Approval.objects.filter(proposal=proposal).order_by("at", "pk")[:100]
    return Detail(
        proposal=proposal,
        label=str(kind.label) if kind else proposal.kind,
        does=_said(kind, proposal, lambda k: k.describe(proposal.target, proposal.plan)),
        undoes=_said(
            kind, proposal, lambda k: k.describe_rollback(proposal.target, proposal.rollback_plan)
        ),
        approvals=tuple(Given(approval, approval.pk in good) for approval in given),
        missing=count.missing if proposal.state == State.PROPOSED else 0,
        allowed_by_rule=count.rule,
        blocked_by=_blocking(proposal),
        waits_for_apply=kind.waits_for_apply if kind else False,
        steps=tuple(ProposalStep.objects.filter(proposal=proposal).order_by("number")),
        events=tuple(ProposalEvent.objects.filter(proposal=proposal).order_by("pk")[:_EVENTS]),
    )


def _kind(proposal: Proposal) -> Kind | None:
    try:
        return kinds.get(proposal.kind)
    except UnknownKindError:
        return None


def _said(kind: Kind | None, proposal: Proposal, say: Callable[[Kind], str]) -> str:
    if kind is None:
        return f"The kind {proposal.kind} is not installed: nobody can say what the plan means."
    try:
        return say(kind)
    except Exception as error:  # noqa: BLE001 (a page must open, whatever a kind raises)
        return f"The kind cannot describe this plan: {told(error)}"


def _blocking(proposal: Proposal) -> Proposal | None:
    others = Proposal.objects.filter(target=proposal.target, state__in=BUSY)
    return others.exclude(pk=proposal.pk).defer(*_LARGE).first()
