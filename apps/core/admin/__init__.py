"""The kernel in the admin; importing a module registers it."""

from apps.core.admin import apikeys

__all__ = ["apikeys"]
