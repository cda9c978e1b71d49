"""Traces in a few words: `server("GET /x", 100, db("SELECT …", 10), …)`, times in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID, uuid4

from apps.monitoring.bottlenecks import detectors  # noqa: F401 (registers them)
from apps.monitoring.bottlenecks.finding import Finding, examine
from apps.monitoring.bottlenecks.trace import Row, Trace

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
_ids = count(1)
BASE_US = 1_790_000_000_000_000


@dataclass(frozen=True)
class Call:
    """One span to be: it begins `at` ms after its caller, or when the sibling before it ended."""

    name: str
    took: float
    kind: int
    attrs: dict
    children: tuple[Call, ...] = ()
    at: float | None = None
    service: str | None = None
    status: int = 0
    events: list = field(default_factory=list)

    def after(self, at: float) -> Call:
        return replace(self, at=at)

    def by(self, service: str) -> Call:
        return replace(self, service=service)

    def failed(self, error: str = "") -> Call:
        events = [{"name": "exception", "attrs": {"exception.type": error}}] if error else []
        return replace(self, status=2, events=events)


def server(name: str, took: float, *children: Call, **attrs) -> Call:
    return Call(name, took, SERVER, attrs, children)


def db(text: str, took: float, *children: Call, **attrs) -> Call:
    told = {"db.system.name": "postgresql", "db.query.text": text, **attrs}
    return Call(text.split(maxsplit=1)[0], took, CLIENT, told, children)


def http(url: str, took: float, *children: Call, **attrs) -> Call:
    told = {"http.request.method": "GET", "url.full": url, **attrs}
    return Call("GET", took, CLIENT, told, children)


def code(name: str, took: float, *children: Call, kind: int = INTERNAL, **attrs) -> Call:
    return Call(name, took, kind, attrs, children)


def rows(call: Call, start_ms: float = 0) -> list[Row]:
    made: list[Row] = []

    def walk(one: Call, start: float, parent: int | None, service: str) -> None:
        span_id, service = next(_ids), one.service or service
        made.append(
            Row(BASE_US + round(start * 1000), span_id, parent, one.kind, round(one.took * 1000),
                hash(service) % 1000, service, one.name, one.status, one.attrs, one.events)
        )  # fmt: skip
        reached = start
        for child in one.children:
            begins = start + child.at if child.at is not None else reached
            walk(child, begins, span_id, service)
            reached = begins + child.took

    walk(call, start_ms, None, "shop")
    return made


def trace(call: Call, start_ms: float = 0, trace_id: UUID | None = None) -> Trace:
    return Trace.of(trace_id or uuid4(), rows(call, start_ms))


def found(*traces: Trace | Call) -> list[Finding]:
    made = [one if isinstance(one, Trace) else trace(one) for one in traces]
    return [finding for _, finding in examine(made)]


def kinds(*traces: Trace | Call) -> set[str]:
    return {str(finding.kind) for finding in found(*traces)}
