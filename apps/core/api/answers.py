"""Whole answers kept in Django's cache, for views that allow theirs to be a little old."""

import hashlib
import logging
from collections.abc import Callable
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpResponse
from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)
_LARGEST: Final = 1024 * 1024


def remembered(
    given: bytes, tag: str | None, keep_s: int, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """The kept answer to the same inputs and state, or a new one. A cache that is away is none.

    Only a whole 200 is kept, never a stream or an error.
    """
    key = "answer:" + hashlib.blake2b(given + b"\0" + (tag or "").encode()).hexdigest()[:48]
    kept = _asked(lambda: cache.get(key))
    if isinstance(kept, tuple):
        return HttpResponse(kept[1], content_type=kept[0])
    response = answer()
    if _may_be_kept(response):
        value = (response["Content-Type"], response.content)  # type: ignore[attr-defined]
        _asked(lambda: cache.set(key, value, keep_s))
    return response


def _may_be_kept(response: HttpResponseBase) -> bool:
    if response.status_code != 200 or response.streaming or response.cookies:
        return False
    render = getattr(response, "render", None)
    if render is not None and not response.is_rendered:  # type: ignore[attr-defined]
        return False
    return len(response.content) <= _LARGEST  # type: ignore[attr-defined]


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        logger.warning("The answer cache is away", exc_info=error)
        return None
