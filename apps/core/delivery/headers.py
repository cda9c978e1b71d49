"""What every answer says about caching and about other sites."""

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.middleware import Middleware

# Answers are one person's unless a view knows better, and must not outlive their session.
PRIVATE: Final = "private, no-store"


class HeadersMiddleware(Middleware):
    """Outside of everything that may answer."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:  # noqa: ARG002 (the base's signature)
        """What no view has said already."""
        response.headers.setdefault("Cache-Control", PRIVATE)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response
