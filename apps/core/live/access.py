"""Who may watch, asked of the database anew each time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.utils import timezone
from django.utils.crypto import constant_time_compare

_MODEL_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one viewer must still be allowed: the session, whose it is, and what they watch."""

    session_key: str
    user_id: Any
    permissions: frozenset[str] = frozenset()


def is_staff(user: Any) -> bool:
    """Whether this is a signed-in, active member of staff."""
    return bool(user and user.is_authenticated and user.is_active and user.is_staff)


def may_watch(user: Any, permission: str) -> bool:
    """Whether the user may see a topic of this permission."""
    return is_staff(user) and (not permission or bool(user.has_perm(permission)))


def still_allowed(claims: Sequence[Claim]) -> list[bool]:
    """For each claim: the session lives, is still this user's, and they hold every permission.

    As many queries for a thousand claims as for one: sessions, users, and one a permission.
    """
    sessions = _sessions({claim.session_key for claim in claims})
    users = {
        user.pk: user
        for user in get_user_model()._default_manager.filter(
            pk__in={claim.user_id for claim in claims}, is_active=True, is_staff=True
        )
    }
    holders = {
        permission: _holders(permission, list(users.values()))
        for permission in {name for claim in claims for name in claim.permissions if name}
    }

    def allowed(claim: Claim) -> bool:
        user, session = users.get(claim.user_id), sessions.get(claim.session_key)
        return (
            user is not None
            and session is not None
            and _is_login_of(session, user)
            and all(user.pk in holders[name] for name in claim.permissions if name)
        )

    return [allowed(claim) for claim in claims]


def _sessions(keys: Collection[str]) -> dict[str, dict[str, Any]]:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not issubclass(store, DatabaseSessions):
        return {key: dict(store(key).items()) for key in keys if key}
    rows = store.get_model_class().objects.filter(
        session_key__in=keys, expire_date__gt=timezone.now()
    )
    return {row.session_key: row.get_decoded() for row in rows}


def _is_login_of(session: dict[str, Any], user: Any) -> bool:
    # As `django.contrib.auth.get_user` does: a changed password ends every session before it.
    told = session.get(HASH_SESSION_KEY)
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return (
        session.get(SESSION_KEY) == user._meta.pk.value_to_string(user)
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and isinstance(told, str)
        and any(constant_time_compare(told, one) for one in hashes)
    )


def _holders(permission: str, users: Sequence[Any]) -> set[Any]:
    if settings.AUTHENTICATION_BACKENDS == [_MODEL_BACKEND]:
        manager: Any = get_user_model()._default_manager
        found = manager.with_perm(permission, backend=_MODEL_BACKEND)
        return set(found.filter(pk__in=[user.pk for user in users]).values_list("pk", flat=True))
    return {user.pk for user in users if user.has_perm(permission)}
