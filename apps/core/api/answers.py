"""Whole answers kept in Django's cache, for views that allow theirs to be a little old."""

import functools
import hashlib
import hmac
import logging
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
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
    kept = _opened(key, _asked(lambda: cache.get(key)))
    if kept is not None:
        return HttpResponse(kept[1], content_type=kept[0])
    response = answer()
    if _may_be_kept(response):
        kind, body = response["Content-Type"], response.content  # type: ignore[attr-defined]
        value = [_mac(key, kind, body), kind, body]
        _asked(lambda: cache.set(key, value, keep_s))
    return response


def _opened(key: str, kept: Any) -> tuple[str, bytes] | None:
    """Content type and body of what was kept under this key by us: others may write to Redis."""
    match kept:
        case [bytes(mac), str(kind), bytes(body)] if hmac.compare_digest(
            mac, _mac(key, kind, body)
        ):
            return kind, body
    return None


def _mac(key: str, kind: str, body: bytes) -> bytes:
    text = f"{key}\0{kind}\0".encode() + body
    secret = _secret(settings.SECRET_KEY)
    return hashlib.blake2b(text, key=secret, digest_size=16, person=b"answers").digest()


@functools.lru_cache(maxsize=4)
def _secret(key: str) -> bytes:
    return hashlib.sha256(b"apps.core.api.answers" + key.encode()).digest()


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
