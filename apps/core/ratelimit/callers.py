"""Whose quota a request uses: a key's, a person's, or an address's."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest

from apps.core.client_address import client_address, network_of
from apps.core.errors import UnavailableError
from apps.core.ratelimit.policy import ANONYMOUS, SESSION, Policy, policy_for
from apps.core.services import apikeys


def identify(request: HttpRequest) -> tuple[str, Policy]:
    """The counter's key and policy. Whoever cannot be known now counts by address."""
    try:
        known = _key(request) or _person(request)
    except (UnavailableError, OperationalError, InterfaceError):
        # The view meets the same trouble and answers for it.
        known = None
    return known or (f"ip:{network_of(client_address(request))}", policy_for(ANONYMOUS))


def _key(request: HttpRequest) -> tuple[str, Policy] | None:
    key = apikeys.presented(request.META.get("HTTP_AUTHORIZATION", ""))
    verdict = apikeys.verify(key) if key else None
    return (f"key:{verdict.prefix}", policy_for(verdict.tier)) if verdict is not None else None


def _person(request: HttpRequest) -> tuple[str, Policy] | None:
    # Who presents a key, even a wrong one, does not call as the person of the cookie.
    if apikeys.presented(request.META.get("HTTP_AUTHORIZATION", "")) is not None:
        return None
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    return f"user:{user.pk}", policy_for(SESSION)
