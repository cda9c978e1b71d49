"""Answers given on the event loop, without Django."""

from collections.abc import Mapping
from typing import Any

import orjson

from apps.core.asgi import policies
from apps.core.asgi.types import Headers, Scope, Send, header
from apps.core.errors import PortalError, error_body, error_page


async def send_json(
    send: Send, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> None:
    """One JSON response."""
    extra = [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
    await _send(send, status, b"application/json", orjson.dumps(body), extra)


async def send_error(scope: Scope, send: Send, error: PortalError, *, close: bool = False) -> None:
    """The one error shape; a small page for browsers.

    `close` asks HTTP/1 clients to give up a connection whose request body was not read.
    """
    extra = [(k.lower().encode(), v.encode("latin-1")) for k, v in error.headers.items()]
    if close and scope["http_version"].startswith("1"):
        extra.append((b"connection", b"close"))
    if b"text/html" in (header(scope, b"accept") or b""):
        page = error_page(error.status, error.message).encode()
        await _send(send, error.status, b"text/html; charset=utf-8", page, extra)
        return
    body = error_body(error.code, error.message, path=scope["path"], details=error.details)
    await _send(send, error.status, b"application/json", orjson.dumps(body), extra)


async def _send(send: Send, status: int, kind: bytes, body: bytes, extra: Headers) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        *policies.headers(),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
