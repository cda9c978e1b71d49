"""Streamed answers, measured to their end: the last byte, an exception, or a client that left."""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import Token
from typing import Any, Final

from django.http import HttpRequest, StreamingHttpResponse

from apps.core import request_id
from apps.monitoring.recorder.context import ActiveSpan, current

# What nginx logs when the client went away first; no status was sent.
CLIENT_CLOSED: Final = 499
ABORTED: Final = "client_disconnected"

Record = Callable[[HttpRequest, ActiveSpan, str, int], None]


class Ending:
    """Records a streamed answer once, whoever sees its end first."""

    def __init__(self, record: Record, request: HttpRequest, span: ActiveSpan, bound: str) -> None:
        self.span = span
        self.bound = bound
        self._record = record
        self.request = request
        self._done = False

    def __call__(self, status: int, error: str | None = None) -> None:
        if not self._done:
            self._done = True
            self.span.error = self.span.error or error
            self._record(self.request, self.span, self.bound, status)

    def closed(self, response: StreamingHttpResponse) -> None:
        """The server is done with the answer."""
        # A file handed to the server whole, or a HEAD, is never iterated here.
        if _sent_by_server(self.request, response) or self.request.method == "HEAD":
            self(response.status_code)
        else:
            self(CLIENT_CLOSED, ABORTED)

    def enter(self) -> tuple[Token[Any], Token[Any]]:
        """Run the next piece of the body inside the request's span and id."""
        return current.set(self.span), request_id.bind(self.bound)

    def leave(self, tokens: tuple[Token[Any], Token[Any]]) -> None:
        """Undo `enter`."""
        current.reset(tokens[0])
        request_id.release(tokens[1])


def _sent_by_server(request: HttpRequest, response: StreamingHttpResponse) -> bool:
    """Whether the server sends the file by itself; wrapping it would take that from it."""
    to_stream = getattr(response, "file_to_stream", None)
    return to_stream is not None and request.META.get("wsgi.file_wrapper") is not None


def follow(response: StreamingHttpResponse, ending: Ending) -> None:
    """See to it that `ending` hears of the end of this answer."""
    body: Any = response.streaming_content
    if _sent_by_server(ending.request, response):
        pass
    elif response.is_async:
        response.streaming_content = _read_async(aiter(body), ending, response.status_code)
    else:
        response.streaming_content = _read(iter(body), ending, response.status_code)
    # Private, and the only hook that also runs when the client goes away before the first byte.
    closers: Any = vars(response)["_resource_closers"]
    closers.append(lambda: ending.closed(response))


def _read(body: Iterator[bytes], ending: Ending, status: int) -> Iterator[bytes]:
    while True:
        tokens = ending.enter()
        try:
            piece = next(body)
        except StopIteration:
            ending(status)
            return
        except BaseException as error:
            ending(500, type(error).__qualname__)
            raise
        finally:
            ending.leave(tokens)
        yield piece


async def _read_async(
    body: AsyncIterator[bytes], ending: Ending, status: int
) -> AsyncIterator[bytes]:
    while True:
        tokens = ending.enter()
        try:
            piece = await anext(body)
        except StopAsyncIteration:
            ending(status)
            return
        except CancelledError:
            ending(CLIENT_CLOSED, ABORTED)
            raise
        except BaseException as error:
            ending(500, type(error).__qualname__)
            raise
        finally:
            ending.leave(tokens)
        yield piece
