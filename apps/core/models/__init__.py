"""The kernel's tables."""

from apps.core.models.apikey import ApiKey, Scope, Tier
from apps.core.models.audit import AuditEntry
from apps.core.models.savedview import SavedView

__all__ = ["ApiKey", "AuditEntry", "SavedView", "Scope", "Tier"]
