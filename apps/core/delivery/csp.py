"""One content security policy for all, another for HTML below some prefixes."""

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class PolicyByPath(CSPMiddleware):
    """PHAROS_CSP_BY_PREFIX names the exceptions; the first prefix that fits counts."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 (the library's signature)
    ) -> PolicyParts:
        """What the library builds the header of."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and parts.config is None:
            parts.config = exception_for(request, response)
        return parts

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The policy, and its older word for frames to go with it."""
        strict = exception_for(request, response) is None
        response.headers["X-Frame-Options"] = "DENY" if strict else "SAMEORIGIN"
        answer: HttpResponseBase = super().process_response(request, response)
        return answer


def exception_for(request: HttpRequest, response: HttpResponseBase) -> dict[str, Any] | None:
    """The directives for this page; None where the strict policy holds."""
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return None
    directives: dict[str, Any]
    for prefix, directives in settings.PHAROS_CSP_BY_PREFIX:
        if request.path_info.startswith(prefix):
            return directives
    return None
