"""The badge that tells one portal's pages from another's."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _


def badge(request: HttpRequest) -> list[str] | None:  # noqa: ARG001
    """Text and colour of the badge; None (no badge) where nothing is special."""
    if settings.DEBUG:
        return [_("Debug"), "danger"]
    if not settings.DATABASES["default"].get("PASSWORD"):
        return [_("Embedded"), "info"]
    return None
