"""The fault `small_pool`: the connection pool of this process shrinks to one and grows back."""

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse

from examples.shop import faults

_SIZES = {True: (1, 1), False: (2, 10)}
_is_small = False


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Fit the pool to its switch before the request needs a connection."""

    def handle(request: HttpRequest) -> HttpResponse:
        global _is_small
        wanted = faults.is_on("small_pool")
        if wanted != _is_small:
            _is_small = wanted
            connection.pool.resize(*_SIZES[wanted])
        return get_response(request)

    return handle
