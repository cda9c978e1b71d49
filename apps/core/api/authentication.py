"""Who calls: a program with a key, or a person with a session."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.core.services import apikeys
from apps.core.services.apikeys import KeyVerdict


class KeyUser:
    """The bearer of a key, where code asks for a user. Has no row and no Django permission."""

    is_authenticated = True
    is_anonymous = is_staff = is_superuser = False
    is_active = True
    pk = id = None

    def __init__(self, verdict: KeyVerdict) -> None:
        self.verdict = verdict

    @property
    def username(self) -> str:
        """How audit trails name the caller."""
        return f"key:{self.verdict.name}"

    def get_username(self) -> str:
        """The same, as Django's users spell it."""
        return self.username

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 (Django's signature)
        """Keys carry scopes, never permissions."""
        return False

    def __str__(self) -> str:
        return self.username


class BearerKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; `request.auth` becomes the KeyVerdict."""

    def authenticate(self, request: Request) -> tuple[KeyUser, KeyVerdict] | None:
        """None without a Bearer header; a wrong key is an answer of its own, never anonymous."""
        key = apikeys.presented(request.META.get("HTTP_AUTHORIZATION", ""))
        if key is None:
            return None
        verdict = apikeys.verify(key)
        if verdict is None:
            raise AuthenticationFailed(_("This API key is wrong, expired or revoked."))
        return KeyUser(verdict), verdict

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's signature)
        """The challenge of a 401."""
        return "Bearer"


class StaffSessionAuthentication(SessionAuthentication):
    """A person signed in to the admin; unsafe methods need the CSRF token.

    Who is signed in but not staff is known, and refused by the permission (403, not 401).
    """
