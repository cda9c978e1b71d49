"""The kernel's tables."""

from apps.core.models.apikey import ApiKey, Scope

__all__ = ["ApiKey", "Scope"]
