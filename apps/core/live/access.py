"""Who may watch, asked of the database anew each time."""

from collections.abc import Collection
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user


def is_staff(user: Any) -> bool:
    """Whether this is a signed-in, active member of staff."""
    return bool(user and user.is_authenticated and user.is_active and user.is_staff)


def may_watch(user: Any, permission: str) -> bool:
    """Whether the user may see a topic of this permission."""
    return is_staff(user) and (not permission or bool(user.has_perm(permission)))


def still_allowed(session_key: str, user_id: Any, permissions: Collection[str]) -> bool:
    """Whether the session lives, is still this user's, and they still hold every permission."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(SimpleNamespace(session=store))  # type: ignore[arg-type]
    return (
        bool(user.is_authenticated)
        and user.pk == user_id
        and all(may_watch(user, permission) for permission in (*permissions, ""))
    )
