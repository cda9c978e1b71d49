"""ASGI → WSGI: Django's WSGI handler in a bounded pool of threads.

One hop to a thread and back for an ordinary response; a hop for each chunk of a streaming one.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from apps.core import request_id
from apps.core.asgi import bodies, environ
from apps.core.asgi.bodies import Body, ClientGoneError
from apps.core.asgi.pool import FullError, Pool
from apps.core.asgi.replies import send_error
from apps.core.asgi.types import Headers, Message, Receive, Scope, Send
from apps.core.errors import PortalError, UnavailableError

logger = logging.getLogger(__name__)
WSGIApplication = Callable[..., Iterable[bytes]]
_Answer = tuple[int, Headers, bytes]
# A client that takes no chunk of a streaming response for this long holds a thread for nothing.
_SEND_S: Final = 60.0
_BUSY = "The server is busy. Try again in a moment."


class Bridge:
    """An ASGI application around a WSGI one.

    Answers 503 with Retry-After at once when all threads and all waiting places are taken.
    """

    def __init__(
        self,
        application: WSGIApplication,
        pool: Pool,
        *,
        body_bytes: int,
        on_refused: Callable[[], None] | None = None,
    ) -> None:
        self._application = application
        self._pool = pool
        self._body_bytes = body_bytes
        self._on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        try:
            answer = await self._answer(scope, receive, send)
        except FullError:
            if self._on_refused is not None:
                self._on_refused()
            busy = UnavailableError(_BUSY, retry_after_s=1)
            await send_error(scope, send, busy, close=scope["method"] not in ("GET", "HEAD"))
        except PortalError as refusal:
            await send_error(scope, send, refusal, close=True)
        except ClientGoneError:
            return
        else:
            if answer is None:
                return
            status, headers, content = answer
            whole = getattr(send, "whole", None)
            if whole is not None:
                await whole(status, headers, content)
            else:
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> _Answer | None:
        if self._pool.full:
            raise FullError
        body = await bodies.read(scope, receive, self._body_bytes)
        try:
            exchange = _Exchange(self._application, scope, receive, send, body)
            answer: _Answer | None = await self._pool.run(exchange.run)
            return answer
        finally:
            body.close()


class _Exchange:
    """One request in its thread."""

    def __init__(
        self,
        application: WSGIApplication,
        scope: Scope,
        receive: Receive,
        send: Send,
        body: Body,
    ) -> None:
        self._application = application
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body = body
        self._number = request_id.current()
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.Task[None] | None = None
        self._gone = False
        self._status = 0
        self._headers: Headers = []

    def run(self) -> _Answer | None:
        """The whole answer; None when it has been streamed to the client already."""
        request_id.bind(self._number)
        assert self._body.file is not None
        values = environ.build(self._scope, self._body.file, self._body.length)
        response = self._application(values, self._start_response)
        try:
            if not self._streams(response):
                return self._whole(b"".join(response))
            self._stream(response)
            return None
        finally:
            close = getattr(response, "close", None)
            if close is not None:
                close()

    @staticmethod
    def _streams(response: Iterable[bytes]) -> bool:
        # Django's handler returns its HttpResponse, which knows.
        return bool(getattr(response, "streaming", not isinstance(response, list | tuple)))

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if self._status and exc_info is None:
            raise AssertionError("start_response was called twice.")
        self._status = int(status[:3])
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return _write

    def _whole(self, content: bytes) -> _Answer:
        bare = self._status in (204, 304) or self._status < 200
        if not bare and not any(name == b"content-length" for name, _ in self._headers):
            self._headers.append((b"content-length", b"%d" % len(content)))
        return self._status, self._headers, b"" if bare else content

    def _stream(self, response: Iterable[bytes]) -> None:
        try:
            if self._status:
                self._push_head()
            if self._scope["method"] != "HEAD":
                for chunk in response:
                    self._push_head()
                    if chunk:
                        self._push({"type": "http.response.body", "body": chunk, "more_body": True})
            self._push_head()
            self._push({"type": "http.response.body", "body": b""})
        except ClientGoneError:
            logger.debug("The client left during a streaming response")
        finally:
            if self._watch is not None:
                self._loop.call_soon_threadsafe(self._watch.cancel)

    def _push_head(self) -> None:
        if self._watch is None:
            self._push(
                {
                    "type": "http.response.start",
                    "status": self._status,
                    "headers": self._headers,
                }
            )

    def _push(self, message: Message) -> None:
        """Send from the thread and wait until the client's buffers took it: back-pressure."""
        if self._gone:
            raise ClientGoneError
        sent = asyncio.run_coroutine_threadsafe(self._deliver(message), self._loop)
        try:
            sent.result(_SEND_S)
        except TimeoutError:
            sent.cancel()
            raise TimeoutError(f"The client took nothing for {_SEND_S:g} s.") from None

    async def _deliver(self, message: Message) -> None:
        if self._watch is None:
            self._watch = self._loop.create_task(self._watch_client())
        await self._send(message)

    async def _watch_client(self) -> None:
        # Servers drop what is sent to a client that left; only `receive` tells.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True


def _write(data: bytes) -> None:
    raise NotImplementedError("The bridge serves Django, which never calls write().")
