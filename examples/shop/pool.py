"""The fault `small_pool`: the connection pool of this process shrinks to one and grows back."""

import threading
from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse

from examples.shop import faults

_SIZES = {True: {"min_size": 1, "max_size": 1}, False: {"min_size": 2, "max_size": 10}}
_lock = threading.Lock()
_is_small = False


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Fit the pool to its switch before the request needs a connection."""

    def handle(request: HttpRequest) -> HttpResponse:
        if faults.is_on("small_pool") != _is_small:
            _resize()
        return get_response(request)

    return handle


def _resize() -> None:
    """Replace the pool: a living one keeps surplus connections for ten minutes."""
    global _is_small
    with _lock:
        wanted = faults.is_on("small_pool")
        if wanted == _is_small:
            return
        # Shared by all threads; connections in use go back to the pool they came from.
        connection.settings_dict["OPTIONS"]["pool"].update(_SIZES[wanted])
        connection.close_pool()
        _is_small = wanted
