"""Is the target still what was judged? Asked at approval, and again right before applying."""

from apps.core.errors import PortalError, UnavailableError
from apps.core.proposals import kinds
from apps.core.proposals.canonical import digest
from apps.core.proposals.errors import UnknownKindError
from apps.core.proposals.kinds import Kind
from apps.core.proposals.models import Proposal
from apps.core.proposals.services.moves import told
from apps.core.proposals.services.propose import check_bounds, plan_digest


def why_void(proposal: Proposal) -> str:
    """Why the proposal no longer stands; empty while it does.

    Raises UnavailableError when the target cannot be asked: then nobody knows, and nothing moves.
    """
    try:
        kind = kinds.get(proposal.kind)
    except UnknownKindError as error:
        return error.message
    if plan_digest(proposal.kind, proposal.target, proposal.plan) != proposal.plan_hash:
        return "The stored plan does not match its hash."
    try:
        return _asked(kind, proposal)
    except Exception as error:
        raise UnavailableError("The target cannot be asked right now.") from error


def why_unsound(kind: Kind, proposal: Proposal) -> str:
    """Why the plan may not be applied by today's bounds and rules of its kind; empty if it may."""
    try:
        check_bounds(kind, proposal.target, proposal.plan)
        kind.validate(proposal.target, proposal.plan)
    except PortalError as error:
        return told(error)
    if kind.risk(proposal.plan) != proposal.risk:
        return "The kind judges the risk of this plan differently by now."
    return ""


def _asked(kind: Kind, proposal: Proposal) -> str:
    if kind.fingerprint(proposal.target) != proposal.fingerprint:
        return "The target has changed since this was proposed."
    if not kind.still_holds(proposal):
        return "The reason for this change no longer holds."
    current = kind.current(proposal.target)
    way_back = dict(kind.rollback_plan(proposal.target, proposal.plan, current))
    if digest(way_back) != digest(proposal.rollback_plan):
        return "The way back is not the one that was shown."
    return why_unsound(kind, proposal)
