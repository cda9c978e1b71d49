"""Routes one port to native handlers, live sockets and Django, and marks every answer."""

import gc
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from apps.core import request_id
from apps.core.asgi.replies import send_error
from apps.core.asgi.types import Application, Headers, Message, Receive, Scope, Send
from apps.core.errors import PortalError
from apps.core.health import readiness

logger = logging.getLogger(__name__)
_ID = b"x-request-id"
Hook = Callable[[], Awaitable[None]]


class UnexpectedError(PortalError):
    """What a caller learns of a fault of ours."""

    code: ClassVar[str] = "internal_error"


class Shell:
    """The outermost ASGI application.

    `native` maps path prefixes to handlers that bypass Django ("/v1" serves /v1 and /v1/…).
    Every HTTP response carries X-Request-ID; handlers find the same id in the request's headers.
    """

    def __init__(
        self,
        *,
        django: Application,
        native: Mapping[str, Application],
        websocket: Application,
        on_startup: Sequence[Hook] = (),
        on_shutdown: Sequence[Hook] = (),
    ) -> None:
        self._django = django
        self._native = [(prefix, prefix + "/", app) for prefix, app in native.items()]
        self._websocket = websocket
        self._on_startup = on_startup
        self._on_shutdown = on_shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI 3 wants it."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"Pharos does not speak {kind!r}.")

    def _route(self, path: str) -> Application:
        for exact, prefix, app in self._native:
            if path == exact or path.startswith(prefix):
                return app
        return self._django

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        number, headers = _identify(scope["headers"])
        scope = {**scope, "headers": headers}
        marked = _Marked(send, number, head=scope["method"] == "HEAD")
        token = request_id.bind(number)
        try:
            await self._route(scope["path"])(scope, receive, marked)
        except Exception:
            logger.exception("Request failed", extra={"path": scope["path"]})
            if marked.started:
                # Raising makes the server cut the connection: the client must not take a part
                # of an answer for the whole.
                raise
            await send_error(
                scope, marked, UnexpectedError("Something went wrong here; it has been logged.")
            )
        finally:
            request_id.release(token)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                calm_collector()
                await _run(self._on_startup, "A startup step failed")
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                readiness.start_draining()
                await _run(self._on_shutdown, "A shutdown step failed")
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _run(hooks: Sequence[Hook], trouble: str) -> None:
    for hook in hooks:
        try:
            await hook()
        except Exception:
            logger.exception(trouble)


def calm_collector() -> None:
    """Python's default walks all live requests every 700 allocations: a fifth of the time at 1,000.

    What was loaded so far lives as long as the process and need not be walked at all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


class _Marked:
    """`send` that adds the request id and drops the body of an answer to HEAD.

    Names of headers are in lower case already where `whole` is used.
    """

    __slots__ = ("_head", "_number", "_send", "started")

    def __init__(self, send: Send, number: bytes | str, *, head: bool) -> None:
        self._send = send
        self._number = number if isinstance(number, bytes) else number.encode("ascii")
        self._head = head
        self.started = False

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer at once: what nearly all requests get, so the short way."""
        self.started = True
        kept = [pair for pair in headers if pair[0] != _ID]
        kept.append((_ID, self._number))
        send = self._send
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": b"" if self._head else body})

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != _ID]
            message = {**message, "headers": [*kept, (_ID, self._number)]}
        elif self._head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _identify(headers: Headers) -> tuple[str, Headers]:
    """The request's id, and the headers with exactly that one id in them."""
    raw: str | None = None
    kept: Headers = []
    for pair in headers:
        if pair[0] == _ID:
            raw = raw or pair[1].decode("latin-1")
        else:
            kept.append(pair)
    number = request_id.accept_or_new(raw)
    kept.append((_ID, number.encode("ascii")))
    return number, kept
