"""Compress answers: brotli, zstd or gzip, whichever the client likes best.

Static files do not pass here: whitenoise serves them compressed in advance. Why HTML may be
compressed although it holds a token: docs/decisions/0012.
"""

import asyncio
import re
import secrets
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from apps.core.delivery import codecs
from apps.core.delivery.negotiation import IDENTITY, choose
from apps.core.middleware import Middleware

MIN_BYTES: Final = 500
# Compressing more than this would hold up an event loop.
_LONG_BYTES: Final = 64 * 1024
_MOST_PADDING: Final = 100
_TEXT: Final = re.compile(
    r"(?:text/(?!event-stream)[\w.+-]+"
    r"|application/(?:json|javascript|xml|yaml|x-ndjson|ndjson|x-yaml|vnd\.oai\.openapi)"
    r"|(?:application|image)/[\w.-]+\+(?:json|xml|yaml))\s*(?:;|\Z)",
    re.IGNORECASE | re.ASCII,
)
# No body, a piece of one, or the head of a body sent earlier.
_WITHOUT_BODY: Final = frozenset({204, 205, 206, 304})


class CompressionMiddleware(Middleware):
    """Outside of everything that makes or changes a body."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer in the coding its client likes best."""
        coding = _coding(request, response)
        if coding != IDENTITY:
            _compress(response, coding)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self._get_response(request)
        if response.streaming or len(cast(HttpResponse, response).content) <= _LONG_BYTES:
            return self.after(request, response)
        return await asyncio.to_thread(self.after, request, response)


def _coding(request: HttpRequest, response: HttpResponseBase) -> str:
    """How to send it. Marks what caches must know, whatever comes of it."""
    headers = response.headers
    if "Content-Encoding" in headers:
        return IDENTITY
    if response.status_code == 304:
        # The same head the whole answer would have.
        patch_vary_headers(response, ("Accept-Encoding",))
        if choose(request.META.get("HTTP_ACCEPT_ENCODING", "")) != IDENTITY:
            _weaken(response)
        return IDENTITY
    if not _compressible(response):
        return IDENTITY
    # Of small answers, too: the same address may give a large one, and its 304 knows no size.
    patch_vary_headers(response, ("Accept-Encoding",))
    if not response.streaming and len(cast(HttpResponse, response).content) < MIN_BYTES:
        return IDENTITY
    return choose(request.META.get("HTTP_ACCEPT_ENCODING", ""))


def _compressible(response: HttpResponseBase) -> bool:
    headers = response.headers
    if response.status_code in _WITHOUT_BODY or not _TEXT.match(headers.get("Content-Type", "")):
        return False
    return "no-transform" not in headers.get("Cache-Control", "")


def _compress(response: HttpResponseBase, coding: str) -> None:
    if response.streaming:
        _stream(cast(StreamingHttpResponse, response), coding)
        del response.headers["Content-Length"]
    else:
        whole = cast(HttpResponse, response)
        body = whole.content
        if whole.headers["Content-Type"].startswith("text/html"):
            body += _padding()
        smaller = codecs.compress(coding, body)
        if len(smaller) >= len(whole.content):
            return
        whole.content = smaller
        whole.headers["Content-Length"] = str(len(smaller))
    response.headers["Content-Encoding"] = coding
    _weaken(response)


def _stream(response: StreamingHttpResponse, coding: str) -> None:
    if response.is_async:
        response.streaming_content = codecs.stream_async(
            coding, cast(Any, response.streaming_content)
        )
    else:
        response.streaming_content = codecs.stream(coding, cast(Any, response.streaming_content))


def _weaken(response: HttpResponseBase) -> None:
    # The same content in other bytes (RFC 9110, 8.8.1).
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        response.headers["ETag"] = f"W/{tag}"


def _padding() -> bytes:
    """Noise of a random length: what a page holds cannot be read off its compressed size."""
    return b"\n<!-- %s -->" % secrets.token_urlsafe(secrets.randbelow(_MOST_PADDING)).encode()
