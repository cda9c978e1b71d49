"""The kernel's tables."""

from apps.core.models.apikey import ApiKey, Scope
from apps.core.proposals.models import (
    Approval,
    AutoApplyRule,
    LoopSwitch,
    Proposal,
    ProposalEvent,
    ProposalStep,
)

__all__ = [
    "ApiKey",
    "Approval",
    "AutoApplyRule",
    "LoopSwitch",
    "Proposal",
    "ProposalEvent",
    "ProposalStep",
    "Scope",
]
