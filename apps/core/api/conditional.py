"""ETags made of what an answer depends on, so that 304 costs no reading."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date, parse_etags, parse_http_date_safe
from django.utils.translation import get_language
from rest_framework.request import Request

from apps.core.services.apikeys import KeyVerdict

Version = str | int | datetime
_VARY: Final = ("Accept", "Accept-Language", "Authorization", "Cookie")
# A second has room for two changes; only a moment that is over says "not since".
_SETTLED: Final = timedelta(seconds=2)


def inputs(request: Request, *, personal: bool) -> bytes:
    """Everything but the stored data that decides an answer: address, query, who, language, form.

    With `personal` False the answer is the same for all who may have it.
    """
    http = request._request
    # By name only: the order of the values of one name may be the order of the answer.
    query = sorted((key, tuple(values)) for key, values in http.GET.lists())
    parts = (
        http.path,
        repr(query),
        identity(request) if personal else "",
        get_language() or "",
        str(getattr(request.accepted_renderer, "format", "")),
        str(settings.SPECTACULAR_SETTINGS["VERSION"]),
    )
    return "\0".join(parts).encode()


def identity(request: Request) -> str:
    """Who asks, in one word that no two callers share."""
    if isinstance(request.auth, KeyVerdict):
        return f"key:{request.auth.prefix}"
    return f"user:{request.user.pk}"


def etag(version: Version, given: bytes) -> str:
    """A weak ETag: the answer is the same in meaning, however it was compressed."""
    word = version.isoformat() if isinstance(version, datetime) else str(version)
    digest = hashlib.blake2b(given + b"\0" + word.encode(), digest_size=12)
    return f'W/"{digest.hexdigest()}"'


def unchanged(request: Request, tag: str, version: Version) -> bool:
    """Whether the caller's copy still holds (RFC 9110, 13.2.2: If-None-Match goes first)."""
    asked: str | None = request.META.get("HTTP_IF_NONE_MATCH")
    if asked is not None:
        return matches(parse_etags(asked), tag)
    since = request.META.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or not isinstance(version, datetime) or not _is_settled(version):
        return False
    return parse_http_date_safe(since) == int(version.timestamp())


def matches(asked: Iterable[str], tag: str) -> bool:
    """The weak comparison: `*`, or the same opaque tag."""
    bare = tag.removeprefix("W/")
    return any(one == "*" or one.removeprefix("W/") == bare for one in asked)


def mark(response: Any, tag: str, version: Version, cache_control: str) -> None:
    """The headers that a 200 and its later 304 have in common."""
    response["ETag"] = tag
    response["Cache-Control"] = cache_control
    if isinstance(version, datetime) and _is_settled(version):
        response["Last-Modified"] = http_date(int(version.timestamp()))
    patch_vary_headers(response, _VARY)


def _is_settled(version: datetime) -> bool:
    return datetime.now(UTC) - version >= _SETTLED
