"""What the requests of one route wait for: the critical paths of many of its traces together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from apps.monitoring.traces.reading import Trace

# The slowest part of the traces, compared with all of them.
SLOWEST_SHARE: Final = 0.1


@dataclass(slots=True)
class Operation:
    """One operation on the critical paths. `slow_us` is its time in the slowest traces.

    `traces` counts those on whose path it is, `worst` is the one that waited longest for it.
    """

    service: str
    name: str
    us: int = 0
    slow_us: int = 0
    traces: int = 0
    segments: int = 0
    worst: UUID | None = None
    worst_us: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Operations by their time on the paths of `traces` traces, `slow` of which are the slowest."""

    operations: list[Operation]
    traces: int
    slow: int
    total_us: int
    slow_total_us: int

    def share(self, operation: Operation) -> float:
        """Its part of the time all traces took, 0 to 1."""
        return operation.us / self.total_us if self.total_us else 0.0

    def slow_share(self, operation: Operation) -> float:
        """Its part of the time the slowest took, 0 to 1."""
        return operation.slow_us / self.slow_total_us if self.slow_total_us else 0.0


def aggregate(traces: Sequence[Trace]) -> Waiting:
    """The critical paths of these traces, by operation; largest first."""
    lasting = [(sum(_stretches(trace)), trace) for trace in traces]
    lasting.sort(key=lambda one: -one[0])
    slow = max(1, round(len(lasting) * SLOWEST_SHARE)) if lasting else 0
    found: dict[tuple[str, str], Operation] = {}
    for rank, (_, trace) in enumerate(lasting):
        for key, (us, segments) in _by_operation(trace).items():
            one = found.setdefault(key, Operation(*key))
            one.us += us
            one.slow_us += us if rank < slow else 0
            one.traces += 1
            one.segments += segments
            if us > one.worst_us:
                one.worst, one.worst_us = trace.id, us
    return Waiting(
        sorted(found.values(), key=lambda one: (-one.us, one.service, one.name)),
        len(lasting),
        slow,
        sum(us for us, _ in lasting),
        sum(us for us, _ in lasting[:slow]),
    )


def between_services(traces: Sequence[Trace]) -> dict[tuple[str, str], float]:
    """(caller, callee) → the part of the traces' time spent on paths below such calls, 0 to 1.

    Time counts for the call that last crossed from one service to another; what a root's own
    service does counts for ("", service).
    """
    spent: dict[tuple[str, str], int] = {}
    total = 0
    for trace in traces:
        crossing = _crossings(trace)
        for segment in trace.path:
            us = segment.end_us - segment.start_us
            spent[crossing[segment.span]] = spent.get(crossing[segment.span], 0) + us
            total += us
    return {edge: us / total for edge, us in spent.items()} if total else {}


def _crossings(trace: Trace) -> list[tuple[str, str]]:
    tree = trace.tree
    found: list[tuple[str, str]] = []
    for span, above in zip(tree.spans, tree.parents, strict=True):
        if above < 0:
            found.append(("", span.service))
        elif tree.spans[above].service != span.service:
            found.append((tree.spans[above].service, span.service))
        else:
            found.append(found[above])
    return found


def _stretches(trace: Trace) -> Iterable[int]:
    return (segment.end_us - segment.start_us for segment in trace.path)


def _by_operation(trace: Trace) -> dict[tuple[str, str], tuple[int, int]]:
    """(service, name) → microseconds and segments on this trace's path."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for segment in trace.path:
        span = trace.tree.spans[segment.span]
        us, segments = found.get((span.service, span.name), (0, 0))
        found[span.service, span.name] = us + segment.end_us - segment.start_us, segments + 1
    return found
