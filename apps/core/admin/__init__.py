"""The kernel in the admin; importing a module registers it."""

from apps.core.admin import apikeys, audit, autoapply, proposals

__all__ = ["apikeys", "audit", "autoapply", "proposals"]
