"""The kernel in the admin; importing a module registers it."""

from apps.core.admin import apikeys, audit

__all__ = ["apikeys", "audit"]
