"""One call of a batch through all of Django: same middleware, same checks, its own answer."""

import io
import logging
import threading
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, ClassVar, Final, cast
from urllib.parse import unquote_to_bytes

import orjson
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.core import request_id
from apps.core.api.renderers import dumps
from apps.core.batch import targets
from apps.core.batch.shapes import Item, Result, refused
from apps.core.errors import PortalError

logger = logging.getLogger(__name__)
LARGEST_BODY_BYTES: Final = 512 * 1024
# Who calls and from where is the same as of the batch. What is not named here stays outside.
_INHERITED: Final = (
    "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SCRIPT_NAME", "REMOTE_ADDR", "REMOTE_PORT",
    "wsgi.url_scheme", "HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_CSRFTOKEN",
    "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_ACCEPT_LANGUAGE", "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
)  # fmt: skip
_TOLD: Final = (
    "Content-Type", "ETag", "Last-Modified", "Location", "Allow", "Link", "Retry-After",
    "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "X-Request-ID",
)  # fmt: skip
_inside: ContextVar[bool] = ContextVar("pharos_in_batch", default=False)
_hooks: list[Callable[[MutableMapping[str, str]], None]] = []


class TooLargeAnswerError(PortalError):
    """The answer does not fit into a batch."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413


class NotAcceptableError(PortalError):
    """The answer has a form that does not fit into JSON."""

    code: ClassVar[str] = "not_acceptable"
    status: ClassVar[int] = 406


class BrokenError(PortalError):
    """The call failed in a way nobody foresaw."""

    code: ClassVar[str] = "internal_error"


def prepare_headers(hook: Callable[[MutableMapping[str, str]], None]) -> None:
    """Let `hook` add to the headers of every call, as the recorder adds its trace."""
    if hook not in _hooks:
        _hooks.append(hook)


def inside() -> bool:
    """Whether this code runs on behalf of a batch."""
    return _inside.get()


def build(item: Item, outer: HttpRequest) -> HttpRequest:
    """The request Django would see had the item come alone, by the same caller.

    Raises PortalError for one that may not be part of a batch.
    """
    targets.check(item)
    path, _, query = item.path.partition("?")
    body = b"" if item.body is None else dumps(item.body)
    # Whatever the header of the proxy is called by which it says that it was asked over TLS.
    proxy_says = (settings.SECURE_PROXY_SSL_HEADER or ())[:1]
    inherited = (*_INHERITED, *proxy_says)
    environ: dict[str, Any] = {key: outer.META[key] for key in inherited if key in outer.META}
    environ |= {
        "REQUEST_METHOD": item.method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_ACCEPT": "application/json",
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in item.headers.items():
        environ[_key(name)] = value
    own: dict[str, str] = {}
    for hook in _hooks:
        hook(own)
    number = request_id.current()
    own["X-Request-ID"] = f"{number}.{item.number}" if number else ""
    environ.update({_key(name): value for name, value in own.items()})
    request = WSGIRequest(environ)
    targets.resolve_api(request)
    return request


def call(item: Item, request: HttpRequest) -> Result:
    """The item's result, whatever happens. Runs in a thread of the batch."""
    token = _inside.set(True)
    close_old_connections()
    try:
        response = _handler().get_response(request)
        try:
            return _result(item, response)
        finally:
            response.close()
    except PortalError as error:
        return refused(item, error)
    except BaseException:  # SystemExit of one item must end neither the thread nor the batch
        logger.exception("A request of a batch failed", extra={"path": request.path})
        return refused(item, BrokenError("Something went wrong here; it has been logged."))
    finally:
        close_old_connections()
        _inside.reset(token)


def _result(item: Item, response: HttpResponseBase) -> Result:
    if response.streaming:
        raise NotAcceptableError("Streamed answers, such as exports, do not fit into a batch.")
    headers = {name: response.headers[name] for name in _TOLD if name in response.headers}
    content = cast(HttpResponse, response).content
    if len(content) > LARGEST_BODY_BYTES:
        done = "" if item.safe else " It was carried out."
        raise TooLargeAnswerError(
            f"The answer is too large for a batch.{done}",
            {"limit_bytes": LARGEST_BODY_BYTES, "status": response.status_code},
        )
    if not content or item.method == "HEAD":
        return Result(response.status_code, headers, None)
    if "json" in headers.get("Content-Type", ""):
        # It is JSON already: packing it as it is saves reading and writing it once more.
        return Result(response.status_code, headers, orjson.Fragment(content))
    return Result(response.status_code, headers, content.decode("utf-8", "replace"))


def _key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


_lock = threading.Lock()
_made: BaseHandler | None = None


def _handler() -> BaseHandler:
    """Django's own handler with all middleware; made with the first batch."""
    global _made
    if _made is None:
        with _lock:
            if _made is None:
                made = BaseHandler()
                made.load_middleware()
                _made = made
    return _made
