"""The kernel's tables."""

from apps.core.models.apikey import ApiKey, Scope, Tier
from apps.core.models.audit import AuditEntry
from apps.core.models.savedview import SavedView
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
    "AuditEntry",
    "AutoApplyRule",
    "LoopSwitch",
    "Proposal",
    "ProposalEvent",
    "ProposalStep",
    "SavedView",
    "Scope",
    "Tier",
]
