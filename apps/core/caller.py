"""Who is behind what runs now: a person, a key, a command, or the portal itself."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.http import HttpRequest

from apps.core.client_address import client_address
from apps.core.middleware import Middleware

SYSTEM: Final = "system"
ANONYMOUS: Final = "anonymous"
_request: ContextVar[HttpRequest | None] = ContextVar("pharos_request", default=None)
_name: ContextVar[str | None] = ContextVar("pharos_actor", default=None)


def actor() -> str:
    """The name for audit trails: a username, `key:<name>`, what `acting_as` set, or `system`."""
    named = _name.get()
    if named is not None:
        return named
    request = _request.get()
    if request is None:
        return SYSTEM
    # Django REST framework puts the bearer of a key here as well.
    user: Any = getattr(request, "user", None)
    return (user.get_username() if user is not None else "") or ANONYMOUS


def address() -> str | None:
    """The client's address; None outside a request."""
    request = _request.get()
    return client_address(request) if request is not None else None


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Everything inside is done by `name`."""
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


def console() -> str:
    """How audit trails name whoever sits at a terminal of this machine."""
    try:
        return f"console:{getpass.getuser()}"
    except (KeyError, OSError):
        # Containers run under numbers that have no name.
        return f"console:{os.getuid()}"


class CallerMiddleware(Middleware):
    """Remembers the request for the code below that needs to know who is behind it."""

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        token = _request.set(request)
        try:
            return self._get_response(request)
        finally:
            _request.reset(token)

    async def _call_async(self, request: HttpRequest) -> Any:
        token = _request.set(request)
        try:
            return await self._get_response(request)
        finally:
            _request.reset(token)
