"""Errors with a code, a status and data, and the one shape in which every failure is told."""

import base64
import hashlib
import html
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, override

from apps.core import request_id

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px system-ui;margin:15vh auto;max-width:34rem;padding:0 1rem}"
)
# The error page must not depend on a second request, so its style is in it, allowed by its hash.
ERROR_STYLE_SOURCE: Final = (
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


class PortalError(Exception):
    """A failure a caller may be told about.

    `code` is for programs, the message for people, `details` holds JSON-ready data.
    `retry_after_s` becomes a Retry-After header. `message` is always English, as the API tells it;
    `words` is the same in the language of whoever reads a page, where it was given as lazy text.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | Promise,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after_s: float | None = None,
    ) -> None:
        self.words = message
        self.message = message if isinstance(message, str) else _english(message)
        super().__init__(self.message)
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that belong to this failure."""
        if self.retry_after_s is None:
            return {}
        # Retry-After holds whole seconds; 0 would invite an immediate retry.
        return {"Retry-After": str(max(1, math.ceil(self.retry_after_s)))}


class InvalidInputError(PortalError):
    """The caller sent something that cannot be understood; the message names the mend."""

    code, status = "invalid_input", 400


class NotFoundError(PortalError):
    """What was asked for does not exist."""

    code, status = "not_found", 404


class NotAllowedError(PortalError):
    """The caller is known and may not do this."""

    code, status = "permission_denied", 403


class ConflictError(PortalError):
    """The state has moved on since the caller looked."""

    code, status = "conflict", 409


class UnavailableError(PortalError):
    """A part needed for the answer is away for now; try again."""

    code, status = "unavailable", 503

    def __init__(
        self,
        message: str | Promise,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after_s: float | None = 5.0,
    ) -> None:
        super().__init__(message, details, retry_after_s=retry_after_s)


def _english(message: Promise) -> str:
    with override("en"):
        return str(message)


_CODES = {
    400: "invalid_input",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "internal_error",
    503: "unavailable",
}


def code_for(status: int) -> str:
    """The code of a plain HTTP status."""
    return _CODES.get(status, "error")


def error_body(
    code: str, message: str, *, path: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The body of every failed request: error, message, details (with the path), request_id."""
    return {
        "error": code,
        "message": message,
        "details": {**(details or {}), "path": path},
        "request_id": request_id.current(),
    }


def error_page(status: int, message: str) -> str:
    """The same for people: a page that needs no template, session or database."""
    number = request_id.current()
    told = html.escape(gettext("Request %(id)s") % {"id": number})
    trace = f"<p><small>{told}</small></p>" if number else ""
    home = html.escape(gettext("To the portal"))
    return (
        f'<!doctype html><html lang="{get_language() or "en"}"><meta charset="utf-8">'
        f"<title>{status} | Pharos</title>"
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style>"
        f"<h1>{status}</h1><p>{html.escape(message)}</p>"
        f'<p><a href="/admin/">{home}</a></p>{trace}</body></html>'
    )
