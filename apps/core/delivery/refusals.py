"""Refusals that come before any view."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from apps.core.api.errors import refuse
from apps.core.errors import PortalError


class ForgedFormError(PortalError):
    """A form without its token, or from another site."""

    code: ClassVar[str] = "csrf_failed"
    status: ClassVar[int] = 403


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: the one shape, or a page that needs no inline style."""
    del reason
    message = "This form came from elsewhere or is too old. Load its page again, then send it."
    return refuse(request, ForgedFormError(message))
