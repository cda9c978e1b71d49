"""Which form an answer takes: by `format`, or by what the caller accepts."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class Negotiation(DefaultContentNegotiation):
    """DRF's, without the work where the caller takes anything.

    An unknown `format` is left to the check of the parameters, which says what there is.
    """

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        """A renderer and its media type. Raises NotAcceptable."""
        offered = list(renderers)
        wanted = request._request.GET.get("format")
        if wanted:
            chosen = [r for r in offered if r.format == wanted] or offered
            return chosen[0], chosen[0].media_type
        first = offered[0].media_type
        if request.META.get("HTTP_ACCEPT", "") in ("", "*/*", first):
            return offered[0], first
        return super().select_renderer(request, offered, format_suffix)
