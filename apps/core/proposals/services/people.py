"""Who may decide. Keys are no people."""

from typing import Any

from django.contrib.auth.models import User
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.errors import NotAllowedError


def require(by: Any, permission: str) -> User:
    """`by` as a person who holds `core.<permission>` now. Raises NotAllowedError."""
    if not isinstance(by, User):
        raise NotAllowedError(_("Only people decide on proposals; a key is nobody."))
    if not may(by, permission):
        raise NotAllowedError(
            format_lazy(_("You need the permission {name}."), name=f"core.{permission}")
        )
    return by


def may(user: User, permission: str) -> bool:
    """Whether the account is in use, belongs to staff and holds the permission."""
    return user.is_active and user.is_staff and user.has_perm(f"core.{permission}")
