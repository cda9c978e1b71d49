"""The tables of the closed loop."""

from apps.core.proposals.models.history import Approval, ProposalEvent, ProposalStep
from apps.core.proposals.models.proposal import Proposal
from apps.core.proposals.models.rules import AutoApplyRule, LoopSwitch

__all__ = [
    "Approval",
    "AutoApplyRule",
    "LoopSwitch",
    "Proposal",
    "ProposalEvent",
    "ProposalStep",
]
