"""The limit in front of every API view, and its two headers on every answer of one.

A middleware and not a throttle of Django REST framework: that one is asked after authentication,
so whoever tries keys would never meet it, and it cannot mark errors and streams.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from apps.core.api.errors import refuse
from apps.core.errors import UnavailableError
from apps.core.middleware import Middleware
from apps.core.ratelimit.callers import identify
from apps.core.ratelimit.limiter import OnLoss, limiter
from apps.core.ratelimit.verdict import ThrottledError, mark

Cost = int | Mapping[str, int] | Callable[[HttpRequest], int]
_DECIDED: Final = "_pharos_rate"


class RateLimitMiddleware(Middleware):
    """Behind authentication, before the view."""

    def process_view(
        self, request: HttpRequest, view_func: Any, *_: Any, **__: Any
    ) -> HttpResponse | None:
        """429 when the quota is used up, 503 when it cannot be counted and must be."""
        view = getattr(view_func, "view_class", getattr(view_func, "cls", None))
        if not isinstance(view, type) or not issubclass(view, APIView):
            return None
        if not getattr(view, "rate_limited", True):
            return None
        key, policy = identify(request)
        on_loss: OnLoss = getattr(view, "on_limiter_loss", "local")
        try:
            verdict = limiter.take(key, policy, _cost(view, request), on_loss)
        except UnavailableError as error:
            return refuse(request, error)
        setattr(request, _DECIDED, (policy, verdict))
        return None if verdict.allowed else refuse(request, ThrottledError(policy, verdict))

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """With what was decided, where anything was."""
        decided = getattr(request, _DECIDED, None)
        if decided is not None:
            mark(response, *decided)
        return response


def _cost(view: type[APIView], request: HttpRequest) -> int:
    cost: Cost = getattr(view, "rate_cost", 1)
    if isinstance(cost, int):
        return cost
    return cost(request) if callable(cost) else cost.get(request.method or "", 1)
