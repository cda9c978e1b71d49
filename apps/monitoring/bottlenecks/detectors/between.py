"""What shows only between requests: equal queries, stampedes, failures."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from apps.monitoring.bottlenecks.finding import Comparison, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import Category, number
from apps.monitoring.bottlenecks.trace import Step, Trace

_PLACEHOLDER: Final = re.compile(r"%\(?\w*\)?s|\$\d|\?|(?<!:):[A-Za-z_]|@\w")
_READS: Final = re.compile(r"\s*(?:SELECT|WITH)\b.*\bFROM\b", re.IGNORECASE | re.DOTALL)
_WRITES: Final = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b|\bINTO\b", re.IGNORECASE)
_PARAMETER: Final = "db.query.parameter."


class _Use(NamedTuple):
    trace: Trace
    step: Step


@lru_cache(maxsize=4096)
def _nature(text: str) -> tuple[bool, bool]:
    """Whether a statement only reads, and whether it is whole without values from elsewhere."""
    reads = bool(_READS.match(text)) and not _WRITES.search(text)
    return reads, not _PLACEHOLDER.search(text)


def identity(step: Step) -> str | None:
    """A text equal only where the answer must be; None for writes and for unknown values."""
    text = step.facet.text
    reads, constant = _nature(text)
    if not reads:
        return None
    values = sorted((k, str(v)) for k, v in step.row.attrs.items() if k.startswith(_PARAMETER))
    if not values and not constant:
        return None
    return f"{text}\0{values}" if values else text


def _uses(traces: Sequence[Trace]) -> dict[tuple[str, str, str], list[_Use]]:
    """Reads by service, route and identity."""
    found: defaultdict[tuple[str, str, str], list[_Use]] = defaultdict(list)
    for trace in traces:
        for entry in trace.by_entry:
            top = trace.steps[entry].row
            for step in trace.of_kind(entry, Category.DB):
                if same := identity(step):
                    found[top.service, top.name, same].append(_Use(trace, step))
    return found


@dataclass(frozen=True)
class Stampede(Comparison, kind=BottleneckKind.STAMPEDE):
    """The very same query computed by several requests at the same moment."""

    at_once: int = 3
    each_us: int = 20_000

    def find(self, traces: Sequence[Trace]) -> Iterator[tuple[Trace, Finding]]:
        for uses in _uses(traces).values():
            long = [use for use in uses if use.step.took >= self.each_us]
            for crowd in _crowds(long):
                if len({(u.trace.trace_id, u.step.entry) for u in crowd}) < self.at_once:
                    continue
                for place, use in enumerate(crowd):
                    step = use.step
                    # One has to compute; it is the first.
                    lost = use.trace.waited_us(step.entry, [step.index]) if place else 0
                    facts = {
                        "at_once": len(crowd), "took_us": step.took,
                        "text": step.facet.text[:2048], "cached": _cached(use),
                    }  # fmt: skip
                    found = Finding(
                        self.kind, step.entry, step.facet.subject, lost, (step.index,), facts
                    )
                    yield use.trace, found


def _crowds(uses: list[_Use]) -> Iterator[list[_Use]]:
    """Uses of which each begins before all before it have ended."""
    crowd: list[_Use] = []
    until = 0
    for use in sorted(uses, key=lambda one: one.step.start):
        if crowd and use.step.start >= until:
            yield crowd
            crowd = []
        until = max(until, use.step.end) if crowd else use.step.end
        crowd.append(use)
    if crowd:
        yield crowd


def _cached(use: _Use) -> bool:
    """Whether the request asked a cache before."""
    reads = use.trace.of_kind(use.step.entry, Category.CACHE)
    return any(read.end <= use.step.start for read in reads)


@dataclass(frozen=True)
class Cacheable(Comparison, kind=BottleneckKind.CACHEABLE):
    """The very same read, again in every request; a cache would answer it."""

    requests: int = 10
    least_us: int = 50_000
    share: float = 0.2

    def find(self, traces: Sequence[Trace]) -> Iterator[tuple[Trace, Finding]]:
        for uses in _uses(traces).values():
            first: dict[tuple[str, int], _Use] = {}
            for use in uses:
                first.setdefault((use.trace.trace_id.hex, use.step.entry), use)
            total = sum(use.step.took for use in first.values())
            whole = sum(use.trace.steps[use.step.entry].took for use in first.values())
            if len(first) < self.requests or total < self.least_us or total < self.share * whole:
                continue
            for use in list(first.values())[1:]:
                step = use.step
                facts = {
                    "requests": len(first), "total_us": total, "took_us": step.took,
                    "text": step.facet.text[:2048],
                }  # fmt: skip
                lost = use.trace.waited_us(step.entry, [step.index])
                yield (
                    use.trace,
                    Finding(self.kind, step.entry, step.facet.subject, lost, (step.index,), facts),
                )


@dataclass(frozen=True)
class Failing(Comparison, kind=BottleneckKind.ERRORS):
    """A share of a route's requests that fail in the same way."""

    requests: int = 3
    share: float = 0.05

    def find(self, traces: Sequence[Trace]) -> Iterator[tuple[Trace, Finding]]:
        asked: Counter[tuple[str, str]] = Counter()
        failed: defaultdict[tuple[str, str, str], list[tuple[Trace, Step]]] = defaultdict(list)
        for trace in traces:
            for entry in trace.by_entry:
                step = trace.steps[entry]
                if step.facet.category is not Category.ENTRY:
                    continue
                route = (step.row.service, step.row.name)
                asked[route] += 1
                if step.facet.error and not _callers_fault(step):
                    origin = _origin(trace, entry)
                    failed[(*route, origin.facet.error)].append((trace, origin))
        for (service, name, error), found in failed.items():
            of_all = asked[service, name]
            if len(found) < self.requests or len(found) < self.share * of_all:
                continue
            for trace, origin in found:
                entry = origin.entry
                facts = {
                    "failed": len(found), "requests": of_all, "error": error,
                    "where": origin.row.name[:300],
                }  # fmt: skip
                shown = tuple(dict.fromkeys((entry, origin.index)))
                yield trace, Finding(self.kind, entry, error, trace.steps[entry].took, shown, facts)


def _callers_fault(step: Step) -> bool:
    """Whether a server answered 4xx: some SDKs call that an error, OpenTelemetry does not."""
    code = number(step.row.attrs, "http.response.status_code", "http.status_code")
    return code is not None and 400 <= code < 500


def _origin(trace: Trace, entry: int) -> Step:
    """Where a failure began: the deepest failed step of the request that failed last."""
    failed = [step for step in trace.by_entry[entry] if step.facet.error]
    top = trace.steps[entry]
    if not failed or _named(top.facet.error):
        return top
    return max(failed, key=lambda step: (trace.tree.depths[step.index], step.end))


def _named(error: str) -> bool:
    """Whether an error is an exception, and not just a status."""
    return bool(error) and not error.isdigit() and error != "error"
