"""Every request: its id, its trace and its duration, by route."""

import logging
import sys
import traceback
from asyncio import CancelledError
from time import perf_counter_ns
from typing import Any, Final, cast

from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from apps.core import request_id
from apps.core.middleware import AsyncHandler, Handler, Middleware
from apps.monitoring.recorder import routes
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import ActiveSpan, current, extract
from apps.monitoring.recorder.events import REQUEST
from apps.monitoring.recorder.streaming import ABORTED, CLIENT_CLOSED, Ending, follow

logger = logging.getLogger("pharos.request")

_SLOW_NS: Final = 1_000_000_000
_STACK_LIMIT: Final = 8_192


class RecorderMiddleware(Middleware):
    """Outermost in MIDDLEWARE, so that it sees what every other one costs."""

    def __init__(self, get_response: Handler | AsyncHandler) -> None:
        super().__init__(get_response)
        self._records: bool = settings.PHAROS_RECORDER
        self._static = settings.STATIC_URL

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        meta = request.META
        bound = request_id.accept_or_new(meta.get("HTTP_X_REQUEST_ID"))
        id_token = request_id.bind(bound)
        if not self._records:
            try:
                return _answer(self._get_response(request), bound)
            finally:
                request_id.release(id_token)
        header = meta.get("HTTP_TRACEPARENT")
        span = ActiveSpan(extract(header, meta.get("HTTP_TRACESTATE")) if header else None)
        token = current.set(span)
        try:
            response = self._get_response(request)
            return self._finish(request, response, span, bound)
        except BaseException as error:
            self._failed(request, span, bound, error)
            raise
        finally:
            current.reset(token)
            request_id.release(id_token)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        bound = request_id.accept_or_new(meta.get("HTTP_X_REQUEST_ID"))
        id_token = request_id.bind(bound)
        if not self._records:
            try:
                return _answer(await self._get_response(request), bound)
            finally:
                request_id.release(id_token)
        header = meta.get("HTTP_TRACEPARENT")
        span = ActiveSpan(extract(header, meta.get("HTTP_TRACESTATE")) if header else None)
        token = current.set(span)
        try:
            response = await self._get_response(request)
            return self._finish(request, response, span, bound)
        except BaseException as error:
            self._failed(request, span, bound, error)
            raise
        finally:
            current.reset(token)
            request_id.release(id_token)

    def _finish(
        self, request: HttpRequest, response: HttpResponseBase, span: ActiveSpan, bound: str
    ) -> HttpResponseBase:
        response.headers["X-Request-ID"] = bound
        if response.streaming:
            follow(cast(StreamingHttpResponse, response), Ending(self.record, request, span, bound))
        else:
            self.record(request, span, bound, response.status_code)
        return response

    def _failed(
        self, request: HttpRequest, span: ActiveSpan, bound: str, error: BaseException
    ) -> None:
        # Django turns exceptions into answers before they come here: this is the end of the
        # process, or a task cancelled because its client went away.
        gone = isinstance(error, CancelledError)
        span.error = ABORTED if gone else type(error).__qualname__
        self.record(request, span, bound, CLIENT_CLOSED if gone else 500)

    def record(self, request: HttpRequest, span: ActiveSpan, bound: str, status: int) -> None:
        """Put the finished request into the buffer."""
        ended = perf_counter_ns()
        match = request.resolver_match
        path = request.path_info
        static = match is None and path.startswith(self._static)
        route = match.route if match is not None else None
        recorder.add((REQUEST, span, ended, request.method, route, static, status, bound, path))
        if status >= 500 or ended - span.began >= _SLOW_NS:
            _tell(request, span, ended, routes.name(route, static=static), status)


def _answer(response: HttpResponseBase, bound: str) -> HttpResponseBase:
    response.headers["X-Request-ID"] = bound
    return response


def _tell(request: HttpRequest, span: ActiveSpan, ended: int, route: str, status: int) -> None:
    """One log line for a request that failed or was slow; the others are counted, not told."""
    logger.log(
        logging.ERROR if status >= 500 else logging.WARNING,
        "request",
        extra={
            "http.request.method": request.method,
            "http.route": route,
            "http.response.status_code": status,
            "duration_ms": round((ended - span.began) / 1e6, 1),
            "error.type": span.error,
        },
    )


def note_exception(**_: Any) -> None:
    """Keep the exception that Django is about to answer with status 500."""
    span, error = current.get(), sys.exc_info()[1]
    if error is None or not isinstance(span, ActiveSpan):
        return
    span.error = type(error).__qualname__
    stack = "".join(traceback.format_exception(error))[-_STACK_LIMIT:]
    attrs = {
        "exception.type": span.error,
        "exception.message": str(error)[:1024],
        "exception.stacktrace": stack,
    }
    span.events = [{"time_ns": perf_counter_ns(), "name": "exception", "attrs": attrs}]


def install() -> None:
    """Listen for unhandled exceptions."""
    got_request_exception.connect(note_exception, dispatch_uid="pharos.recorder")
