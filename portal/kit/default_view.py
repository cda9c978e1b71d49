"""Opens a page with the view its reader made the default."""

from collections.abc import Callable
from typing import Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from apps.core.services import savedviews

_ADMIN: Final = "/admin/"


class DefaultViewMiddleware:
    """Redirects a page asked for without a query string to the reader's default view of it.

    Any query string, even an empty `?plain`, shows the page as it was asked for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _may_have_one(request) and (query := _default(request)):
            return HttpResponseRedirect(f"{request.path}?{query}")
        return self.get_response(request)


def _may_have_one(request: HttpRequest) -> bool:
    return (
        request.method == "GET"
        and not request.META.get("QUERY_STRING")
        and request.path.startswith(_ADMIN)
        and request.path.endswith("/")
        and "text/html" in request.headers.get("Accept", "")
        and request.user.is_authenticated
    )


def _default(request: HttpRequest) -> str | None:
    try:
        return savedviews.default_query(request.user, request.path)  # type: ignore[arg-type]
    except DatabaseError:
        # The page itself says what is wrong.
        return None
