"""Outgoing HTTP: each call is a span, and the other side learns its id.

Hooks into `http.client`, which urllib, requests, urllib3 and boto all stand on, and into httpx
where it is installed. Only calls inside a span are recorded. Addresses are kept without path and
query: those hold secrets.
"""

from collections.abc import Callable
from functools import wraps
from http.client import HTTPConnection
from importlib.util import find_spec
from time import perf_counter_ns
from typing import Any, Final
from weakref import WeakKeyDictionary

from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import ActiveSpan, active, traceparent
from apps.monitoring.recorder.events import SPAN
from apps.monitoring.recorder.spans import CLIENT

_MARK: Final = "pharos_traced"


class _Call:
    """One request on its way."""

    __slots__ = ("attrs", "method", "named", "span")

    def __init__(self, method: str, host: str, port: int | None) -> None:
        self.span = ActiveSpan(active())
        self.method = method
        self.attrs: dict[str, Any] = {"http.request.method": method, "server.address": host}
        if port is not None:
            self.attrs["server.port"] = port
        # Whoever made the request has named its parent already.
        self.named = False

    def headers(self) -> list[tuple[str, str]]:
        """What tells the other side."""
        if self.named:
            return []
        told = [("traceparent", traceparent(self.span))]
        if self.span.tracestate:
            told.append(("tracestate", self.span.tracestate))
        return told

    def end(self, status: int | None = None, error: BaseException | None = None) -> None:
        """Record it."""
        if status is not None:
            self.attrs["http.response.status_code"] = status
        if error is not None:
            self.span.error = type(error).__qualname__
        elif status is not None and status >= 400:
            self.span.error = str(status)
        recorder.add((SPAN, self.span, perf_counter_ns(), self.method, CLIENT, self.attrs))


_calls: "WeakKeyDictionary[HTTPConnection, _Call]" = WeakKeyDictionary()


def _begin(connection: HTTPConnection, method: str) -> None:
    if active() is not None:
        _calls[connection] = _Call(method.upper(), connection.host, connection.port)


def _watched(connection: HTTPConnection, step: Callable[[], Any]) -> Any:
    """A step that, when it fails, is the end of the call."""
    try:
        return step()
    except BaseException as error:
        call = _calls.pop(connection, None)
        if call is not None:
            call.end(error=error)
        raise


def _hook_http_client() -> None:
    if hasattr(HTTPConnection.putrequest, _MARK):
        return
    put, header = HTTPConnection.putrequest, HTTPConnection.putheader
    send, read = HTTPConnection.endheaders, HTTPConnection.getresponse

    @wraps(put)
    def putrequest(self: HTTPConnection, method: str, *args: Any, **kwargs: Any) -> None:
        put(self, method, *args, **kwargs)
        _begin(self, method)

    @wraps(header)
    def putheader(self: HTTPConnection, name: Any, *values: Any) -> None:
        header(self, name, *values)
        told = name.decode("latin-1") if isinstance(name, bytes) else name
        if told.lower() == "traceparent" and self in _calls:
            _calls[self].named = True

    @wraps(send)
    def endheaders(self: HTTPConnection, *args: Any, **kwargs: Any) -> None:
        call = _calls.get(self)
        for told in call.headers() if call is not None else ():
            header(self, *told)
        _watched(self, lambda: send(self, *args, **kwargs))

    @wraps(read)
    def getresponse(self: HTTPConnection, *args: Any, **kwargs: Any) -> Any:
        response = _watched(self, lambda: read(self, *args, **kwargs))
        call = _calls.pop(self, None)
        if call is not None:
            call.end(response.status)
        return response

    setattr(putrequest, _MARK, True)
    for hook in (putrequest, putheader, endheaders, getresponse):
        setattr(HTTPConnection, hook.__name__, hook)


def _call_of(request: Any) -> _Call | None:
    if active() is None:
        return None
    call = _Call(request.method, request.url.host, request.url.port)
    call.named = "traceparent" in request.headers
    request.headers.update(dict(call.headers()))
    return call


def _hook_httpx() -> None:
    import httpx

    sync_handle = httpx.HTTPTransport.handle_request
    async_handle = httpx.AsyncHTTPTransport.handle_async_request
    if hasattr(sync_handle, _MARK):
        return

    @wraps(sync_handle)
    def handle_request(self: Any, request: Any) -> Any:
        call = _call_of(request)
        try:
            response = sync_handle(self, request)
        except BaseException as error:
            if call is not None:
                call.end(error=error)
            raise
        if call is not None:
            call.end(response.status_code)
        return response

    @wraps(async_handle)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = _call_of(request)
        try:
            response = await async_handle(self, request)
        except BaseException as error:
            if call is not None:
                call.end(error=error)
            raise
        if call is not None:
            call.end(response.status_code)
        return response

    setattr(handle_request, _MARK, True)
    setattr(httpx.HTTPTransport, handle_request.__name__, handle_request)
    setattr(httpx.AsyncHTTPTransport, handle_async_request.__name__, handle_async_request)


def install() -> None:
    """Hook into the libraries that are there, once."""
    _hook_http_client()
    if find_spec("httpx") is not None:
        _hook_httpx()
