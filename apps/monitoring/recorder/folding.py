"""Events → rows. Runs in the flusher; nothing here is on a request's path."""

import time
from collections.abc import Callable
from random import getrandbits
from typing import Any, Final

from apps.core.masking import mask, mask_text
from apps.monitoring.recorder import events, exposition, routes
from apps.monitoring.recorder.context import ActiveSpan
from apps.monitoring.recorder.fingerprint import statement
from apps.monitoring.recorder.logs import severity
from apps.monitoring.recorder.points import Points
from apps.monitoring.recorder.warmth import is_cold
from apps.monitoring.store.rows import Batch, Kind, LogRecord, Resource, Span

_INTERNAL, _SERVER, _CLIENT, _CONSUMER = 1, 2, 3, 5
_ERROR: Final = 2
# Statements that take half a second are counted by themselves: a rule counts them over a day.
SLOW_STATEMENT_NS: Final = 500_000_000
_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)
_LONGEST_BODY: Final = 16_384
_LONGEST_PATH: Final = 512
_SYSTEMS: Final = {"postgresql": "postgresql", "sqlite": "sqlite", "mysql": "mysql"}
_CLOSED: Final[list[tuple[Any, ...]]] = [()] * events.MOST_CHILDREN


class Folding:
    """Turns one event at a time into rows of `batch` and figures of `points`."""

    def __init__(self, resource: Resource) -> None:
        self.batch = Batch()
        self.points = Points(resource)
        self._resource = resource
        self._takers: dict[int, Callable[[Any], None]] = {
            events.REQUEST: self._request,
            events.TASK: self._task,
            events.SPAN: self._span,
            events.SQL: self._loose,
            events.CACHE: self._loose,
            events.COUNT: self._count,
            events.GAUGE: self._gauge,
            events.OBSERVE: self._observe,
            events.LOG: self._log,
        }
        self.set_clock()

    def set_clock(self) -> None:
        """Follow the wall clock; it may have been set since."""
        self._epoch_ns = time.time_ns() - time.perf_counter_ns()

    def take(self, event: tuple[Any, ...]) -> None:
        """Fold one event. Raises on a malformed one."""
        self._takers[event[0]](event)

    def _request(self, event: Any) -> None:
        _, span, ended, method, route, static, status, request_id, path = event
        if static and status < 400:
            # A page brings twenty of them; they would bury the traces that tell something.
            span.sampled = False
        route = routes.name(route, static=static)
        method = method if method in _METHODS else "_OTHER"
        seconds = (ended - span.began) / 1e9
        labels: tuple[Any, ...] = (
            "http.request.method", method, "http.response.status_code", status, "http.route", route,
        )  # fmt: skip
        if span.error:
            labels += ("error.type", span.error)
        found = self.points.find(Kind.HISTOGRAM, "http.server.request.duration", "s", labels)
        exemplar = self._exemplar(span, ended, seconds)
        found.add(seconds, exemplar)
        exposition.request(route, method, status, seconds, exemplar)
        attrs = dict(zip(labels[::2], labels[1::2], strict=True))
        attrs["url.path"] = mask_text(path[:_LONGEST_PATH])
        attrs["request_id"] = request_id
        failed = status >= 500 or span.error is not None
        self._finish(span, ended, f"{method} {route}", _SERVER, attrs, failed=failed)

    def _task(self, event: Any) -> None:
        _, span, ended, name, queue, state, wait_s, request_id, task_id = event
        attrs = {
            "celery.queue.name": queue, "celery.task.name": name, "celery.task.state": state,
        }  # fmt: skip
        seconds = (ended - span.began) / 1e9
        found = self.points.find_attrs(Kind.HISTOGRAM, "celery.task.duration", "s", attrs)
        found.add(seconds, self._exemplar(span, ended, seconds))
        if wait_s is not None:
            labels = ("celery.queue.name", queue, "celery.task.name", name)
            self.points.find(Kind.HISTOGRAM, "celery.task.wait", "s", labels).add(wait_s)
            start = "cold" if is_cold(name) else "warm"
            labels = ("job.start", start, "job.type", name)
            self.points.find(Kind.HISTOGRAM, "job.start.duration", "s", labels).add(wait_s)
            attrs["pharos.wait_ms"] = round(wait_s * 1000)
        attrs |= {"request_id": request_id, "celery.task.id": task_id}
        if span.error:
            attrs["error.type"] = span.error
        self._finish(span, ended, name, _CONSUMER, attrs, failed=state == "FAILURE")

    def _span(self, event: Any) -> None:
        _, span, ended, name, kind, attrs = event
        attrs = mask(attrs) if attrs else {}
        if span.error:
            attrs["error.type"] = span.error
        self._finish(span, ended, name, kind, attrs, failed=span.error is not None)

    def _finish(
        self, span: ActiveSpan, ended: int, name: str, kind: int, attrs: Any, *, failed: bool
    ) -> None:
        """The row of a span that has ended, and everything inside it."""
        trace_id = span.trace_id.to_bytes(16)
        span_id = span.span_id.to_bytes(8)
        # Full from here on: what a thread of this request still does is counted on its own.
        children, span.children = span.children, _CLOSED
        for child in children:
            self._child(child, trace_id, span_id, sampled=span.sampled)
        if not span.sampled:
            return
        if span.unlisted:
            attrs["pharos.spans.unlisted"] = span.unlisted
        if span.tracestate:
            attrs["w3c.tracestate"] = span.tracestate
        parent = span.parent_id.to_bytes(8) if span.parent_id is not None else None
        for found in span.events or ():
            found["attrs"] = mask(found["attrs"])
            found["time_ns"] += self._epoch_ns
        row = Span(
            self._resource, trace_id, span_id, parent, name, kind, self._epoch_ns + span.began,
            self._epoch_ns + ended, _ERROR if failed else 0, attrs, span.events,
        )  # fmt: skip
        self.batch.spans.append(row)

    def _child(self, event: Any, trace_id: bytes, parent: bytes, *, sampled: bool) -> None:
        name, attrs = self._operation(event)
        if not sampled:
            return
        began, ended, failed = event[1], event[2], event[-1] is not None
        row = Span(
            self._resource, trace_id, (getrandbits(64) or 1).to_bytes(8), parent, name, _CLIENT,
            self._epoch_ns + began, self._epoch_ns + ended, _ERROR if failed else 0, attrs,
        )  # fmt: skip
        self.batch.spans.append(row)

    def _loose(self, event: Any) -> None:
        self._operation(event)

    def _operation(self, event: Any) -> tuple[str, dict[str, Any]]:
        """Count one database or cache operation; its span's name and attributes."""
        return self._sql(event) if event[0] == events.SQL else self._cache(event)

    def _sql(self, event: Any) -> tuple[str, dict[str, Any]]:
        _, began, ended, sql, vendor, error = event
        told = statement(sql)
        labels: tuple[Any, ...] = (
            "db.operation.name", told.operation, "db.query.summary", told.summary,
            "db.system.name", _SYSTEMS.get(vendor, vendor),
        )  # fmt: skip
        if error:
            labels += ("error.type", error)
        found = self.points.find(Kind.HISTOGRAM, "db.client.operation.duration", "s", labels)
        found.add((ended - began) / 1e9)
        if ended - began >= SLOW_STATEMENT_NS:
            slow = ("db.operation.name", told.operation, "db.query.summary", told.summary)
            self.points.find(Kind.SUM, "pharos.database.slow", "{statement}", slow).add(1)
        return told.summary, {**found.series.attrs, "db.query.text": told.text}

    def _cache(self, event: Any) -> tuple[str, dict[str, Any]]:
        _, began, ended, alias, operation, hits, misses, error = event
        labels = ("cache.alias", alias, "cache.operation", operation)
        found = self.points.find(Kind.HISTOGRAM, "cache.operation.duration", "s", labels)
        found.add((ended - began) / 1e9)
        counts: tuple[tuple[str, int], ...]
        if error:
            counts = (("error", 1),)
        elif hits is None:
            counts = (("ok", 1),)
        else:
            counts = (("hit", hits), ("miss", misses))
        for state, count in counts:
            if count:
                series = (*labels, "cache.state", state)
                self.points.find(Kind.SUM, "cache.requests", "{request}", series).add(count)
        attrs = {"cache.alias": alias, "cache.operation": operation}
        attrs |= {f"cache.{state}": count for state, count in counts if state != "ok"}
        return f"cache {operation}", attrs

    def _count(self, event: Any) -> None:
        self.points.add(Kind.SUM, *event[1:])

    def _gauge(self, event: Any) -> None:
        self.points.add(Kind.GAUGE, *event[1:])

    def _observe(self, event: Any) -> None:
        self.points.add(Kind.HISTOGRAM, *event[1:])

    def _log(self, event: Any) -> None:
        _, time_ns, level, body, attrs, request_id, span = event
        attrs = mask(attrs)
        if request_id is not None:
            attrs["request_id"] = request_id
        trace = (span.trace_id.to_bytes(16), span.span_id.to_bytes(8)) if span else (None, None)
        body = mask_text(body[:_LONGEST_BODY])
        row = LogRecord(
            self._resource, time_ns, time.time_ns(), severity(level), body, attrs, *trace
        )
        self.batch.logs.append(row)

    def _exemplar(self, span: ActiveSpan, ended: int, value: float) -> dict[str, Any] | None:
        """The trace to open for a slow point; the store keeps the slowest of each interval."""
        if not span.sampled:
            return None
        return {
            "time_ns": self._epoch_ns + ended,
            "value": value,
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
            "attrs": {},
        }
