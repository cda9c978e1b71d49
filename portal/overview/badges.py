"""The number beside "Episodes" in the sidebar."""

import time

from django.db import DatabaseError
from django.http import HttpRequest

from apps.alerts.queries import count_open

_KEPT_S = 5.0
_MOST = 99
_last: tuple[float, str] = (float("-inf"), "")


def open_alerts(request: HttpRequest) -> str:  # noqa: ARG001
    """How many alerts are open; "?" when that is unknown, "" when none is. Asked every 5 s."""
    global _last
    at, text = _last
    if time.monotonic() - at > _KEPT_S:
        try:
            count = count_open(_MOST)
        except DatabaseError:
            return "?"
        text = str(count) if count else ""
        _last = (time.monotonic(), text)
    return text
