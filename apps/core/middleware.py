"""What every middleware of ours begins with.

Native in both of Django's modes: a middleware that is only synchronous costs an ASGI request a hop
between threads.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class Middleware:
    """Changes answers in `after`; one that also acts before overrides `__call__` and its twin."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Handler | AsyncHandler) -> None:
        self._get_response: Any = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(cast(Any, self))

    def __call__(self, request: HttpRequest) -> Any:
        """The answer, or in Django's asynchronous mode what becomes it."""
        if self._is_async:
            return self._call_async(request)
        return self.after(request, self._get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return self.after(request, await self._get_response(request))

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:  # noqa: ARG002 (for others to use)
        """The answer to give."""
        return response
