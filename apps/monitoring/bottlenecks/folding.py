"""The findings of one minute by bottleneck."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from apps.monitoring.bottlenecks.finding import Finding, fingerprint
from apps.monitoring.bottlenecks.trace import Trace

MOST_EVIDENCE: Final = 10
_MOST_SPANS: Final = 50
_LONGEST: Final = 500


@dataclass
class Seen:
    """One bottleneck in one minute. `requests` and `lost_us` are of the traces that were read."""

    kind: str
    service: str
    route: str
    subject: str
    route_key: str
    at: datetime
    last: datetime
    lost: dict[tuple[int, int], int] = field(default_factory=dict)
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    worst_us: int = -1

    @property
    def requests(self) -> int:
        return len(self.lost)

    @property
    def lost_us(self) -> int:
        return sum(self.lost.values())


def route_key(service: str, route: str) -> str:
    """The key of one route of one service."""
    return fingerprint("route", service, route, "")


def fold(findings: Iterable[tuple[Trace, Finding]]) -> dict[str, Seen]:
    """Bottlenecks by fingerprint."""
    seen: dict[str, Seen] = {}
    for trace, finding in findings:
        row = trace.steps[finding.entry].row
        service, route = row.service[:_LONGEST], row.name[:_LONGEST]
        key = fingerprint(finding.kind, service, route, finding.subject)
        one = seen.get(key)
        if one is None:
            at = trace.start
            one = seen[key] = Seen(
                finding.kind, service, route, finding.subject, route_key(service, route), at, at
            )
        _add(one, trace, finding)
    return seen


def _add(one: Seen, trace: Trace, finding: Finding) -> None:
    request = (trace.trace_id.int, finding.entry)
    one.lost[request] = one.lost.get(request, 0) + finding.lost_us
    one.at, one.last = min(one.at, trace.start), max(one.last, trace.start)
    lost = one.lost[request]
    if lost > one.worst_us:
        one.worst_us, one.facts = lost, dict(finding.facts)
    spans = [f"{trace.steps[i].row.span_id & 0xFFFFFFFFFFFFFFFF:016x}" for i in finding.steps]
    told = one.evidence.setdefault(
        trace.trace_id.hex,
        {"trace_id": trace.trace_id.hex, "at": trace.start.isoformat(), "lost_us": 0,
         "duration_us": trace.steps[finding.entry].took, "span_ids": []},
    )  # fmt: skip
    told["lost_us"] += finding.lost_us
    told["span_ids"] = (told["span_ids"] + spans)[:_MOST_SPANS]
    if len(one.evidence) > 4 * MOST_EVIDENCE:
        kept = costliest(one.evidence.values())
        one.evidence = {each["trace_id"]: each for each in kept}


def costliest(evidence: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The traces that lost most, each once."""
    best: dict[str, dict[str, Any]] = {}
    for one in sorted(evidence, key=lambda each: -int(each["lost_us"])):
        best.setdefault(one["trace_id"], one)
    return list(best.values())[:MOST_EVIDENCE]


def requests_by_route(traces: Sequence[Trace]) -> Counter[str]:
    """How many requests of each route there are."""
    asked: Counter[str] = Counter()
    for trace in traces:
        for entry in trace.by_entry:
            row = trace.steps[entry].row
            asked[route_key(row.service[:_LONGEST], row.name[:_LONGEST])] += 1
    return asked
