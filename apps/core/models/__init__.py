"""The kernel's tables."""

from apps.core.models.apikey import ApiKey, Scope, Tier
from apps.core.models.audit import AuditEntry

__all__ = ["ApiKey", "AuditEntry", "Scope", "Tier"]
