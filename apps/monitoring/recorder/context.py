"""Where in which trace this code runs, and how traces cross processes (W3C Trace Context)."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from random import getrandbits
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

from apps.core import request_id
from apps.monitoring.recorder import tracestate

_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^\r\n]*)?", re.ASCII
)

_SAMPLED: Final = 1
_RANDOM: Final = 2


class Parent(NamedTuple):
    """What a caller says of itself in `traceparent` and `tracestate`.

    `random` is level 2's flag: the last 56 bits of the trace id are random.
    """

    trace_id: int
    span_id: int
    sampled: bool
    random: bool = False
    tracestate: str | None = None


class ActiveSpan:
    """A span that has begun. `children` are finished events inside it, bounded by their writers.

    Ids are integers until the flusher needs bytes; times are `perf_counter_ns`.
    """

    __slots__ = (
        "began", "children", "error", "events", "parent_id", "random", "sampled", "span_id",
        "trace_id", "tracestate", "unlisted",
    )  # fmt: skip

    def __init__(self, parent: "Parent | ActiveSpan | None") -> None:
        if parent is None:
            # `or 1`: all zeros means "no id" on the wire.
            self.trace_id: int = getrandbits(128) or 1
            self.parent_id: int | None = None
            self.sampled: bool = True
            self.random: bool = True
            self.tracestate: str | None = None
        else:
            self.trace_id = parent.trace_id
            self.parent_id = parent.span_id
            self.sampled = parent.sampled
            self.random = parent.random
            self.tracestate = parent.tracestate
        self.span_id: int = getrandbits(64) or 1
        self.children: list[tuple[Any, ...]] = []
        self.unlisted = 0
        self.error: str | None = None
        self.events: list[dict[str, Any]] | None = None
        self.began = perf_counter_ns()


class _Suppressed:
    """Stands where a span would be: nothing below it is recorded."""


SUPPRESSED: Final = _Suppressed()
current: ContextVar[ActiveSpan | _Suppressed | None] = ContextVar("pharos_span", default=None)


def active() -> ActiveSpan | None:
    """The span this code runs in; None outside one or when suppressed."""
    span = current.get()
    return span if isinstance(span, ActiveSpan) else None


@contextmanager
def suppressed() -> Iterator[None]:
    """Record nothing of what runs inside: no SQL, cache operation, log line or span."""
    token = current.set(SUPPRESSED)
    try:
        yield
    finally:
        current.reset(token)


def parse(traceparent: str | None) -> Parent | None:
    """The caller's position; None when the header is absent or breaks a rule of the W3C."""
    # Longer than any version can need; also bounds the match.
    if not traceparent or len(traceparent) > 512:
        return None
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    bits = int(flags, 16)
    parent = Parent(
        int(trace_id, 16), int(span_id, 16), bool(bits & _SAMPLED), bool(bits & _RANDOM)
    )
    return parent if parent.trace_id and parent.span_id else None


def extract(parent: str | None, state: str | None) -> Parent | None:
    """The caller's position by both headers; a `tracestate` without a parent means nothing."""
    if not parent:
        return None
    found = parse(parent.strip(" \t"))
    if found is None or not state:
        return found
    return found._replace(tracestate=tracestate.accept(state))


def traceparent(span: Parent | ActiveSpan) -> str:
    """The header that names `span` as the parent."""
    flags = (_SAMPLED if span.sampled else 0) | (_RANDOM if span.random else 0)
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{flags:02x}"


def inject(headers: MutableMapping[str, str]) -> None:
    """Add `traceparent`, `tracestate` and `X-Request-ID` to the headers of an outgoing request."""
    span = active()
    if span is not None:
        headers["traceparent"] = traceparent(span)
        if span.tracestate:
            headers["tracestate"] = span.tracestate
    bound = request_id.current()
    if bound is not None:
        headers["X-Request-ID"] = bound
