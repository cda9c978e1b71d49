"""What every answer says about caching and about other sites."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Answers are one person's unless a view knows better, and must not outlive their session.
PRIVATE: Final = "private, no-store"

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class HeadersMiddleware:
    """Outside of everything that may answer."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Handler | AsyncHandler) -> None:
        self._get_response: Any = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(cast(Any, self))

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        return _mark(self._get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return _mark(await self._get_response(request))


def _mark(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Cache-Control", PRIVATE)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response
