"""One thing that takes long: a query, a call, a payload, the request's own code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apps.monitoring.bottlenecks.finding import Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import SERVER, Category
from apps.monitoring.bottlenecks.trace import Step, Trace


def most_of(trace: Trace, entry: int, step: Step, share: float) -> bool:
    """Whether a request spent so much of its time waiting for one step."""
    return trace.waited_us(entry, [step.index]) >= share * trace.steps[entry].took


@dataclass(frozen=True)
class SlowQuery(Detector, kind=BottleneckKind.SLOW_DB):
    """One query that takes long by itself, or longer than all else of its request together."""

    least_us: int = 500_000
    dominant_us: int = 50_000
    share: float = 0.5

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        seen: set[str] = set()
        for step in sorted(trace.of_kind(entry, Category.DB), key=lambda one: -one.took):
            if step.took < self.dominant_us:
                return
            told = step.took >= self.least_us or most_of(trace, entry, step, self.share)
            if step.facet.subject in seen or not told:
                continue
            seen.add(step.facet.subject)
            yield self.finding(
                trace, entry, step.facet.subject, [step.index],
                trace.waited_us(entry, [step.index]),
                took_us=step.took, text=step.facet.text[:2048], system=step.facet.system,
            )  # fmt: skip


@dataclass(frozen=True)
class SlowDownstream(Detector, kind=BottleneckKind.SLOW_DOWNSTREAM):
    """A call of another service that takes long, and where in there the time goes."""

    least_us: int = 500_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for step in trace.of_kind(entry, Category.HTTP):
            waited = trace.waited_us(entry, [step.index])
            if step.took < self.least_us or waited < self.least_us // 2:
                continue
            culprit, culprit_us = _culprit(trace, entry, step)
            facts: dict[str, Any] = {"took_us": step.took}
            shown = [step.index]
            if culprit is not None:
                facts |= {
                    "culprit": culprit.row.name[:300], "culprit_service": culprit.row.service,
                    "culprit_category": culprit.facet.category.value, "culprit_us": culprit_us,
                }  # fmt: skip
                shown.append(culprit.index)
            yield self.finding(trace, entry, step.facet.subject, shown, waited, **facts)


def _culprit(trace: Trace, entry: int, call: Step) -> tuple[Step | None, int]:
    """The step below a call its caller waited for longest, and how long."""
    below = range(call.index + 1, trace.tree.ends[call.index])
    waited: dict[int, int] = {}
    for span, start, end in trace.path(entry):
        if span in below:
            waited[span] = waited.get(span, 0) + end - start
    if not waited:
        return None, 0
    index = max(waited, key=lambda one: waited[one])
    return trace.steps[index], waited[index]


@dataclass(frozen=True)
class QueuedCall(Detector, kind=BottleneckKind.HTTP_OVERHEAD):
    """A call that lasts much longer than it was served: queued for a connection, or the network.

    Compares durations only, so clocks that differ do not matter.
    """

    least_us: int = 500_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for step in trace.of_kind(entry, Category.HTTP):
            served = [
                trace.steps[i] for i in trace.tree.children(step.index)
                if trace.steps[i].row.kind == SERVER
            ]  # fmt: skip
            if not served:
                continue
            beside = step.took - sum(one.row.duration_us for one in served)
            if beside >= self.least_us:
                lost = min(beside, trace.waited_us(entry, [step.index]))
                yield self.finding(
                    trace, entry, step.facet.subject, [step.index, served[0].index], lost,
                    took_us=step.took, served_us=sum(one.row.duration_us for one in served),
                )  # fmt: skip


@dataclass(frozen=True)
class LargePayload(Detector, kind=BottleneckKind.LARGE_PAYLOAD):
    """A large answer that takes its time: of the request itself, or of a call."""

    least_bytes: int = 300_000
    least_us: int = 100_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for step in [trace.steps[entry], *trace.of_kind(entry, Category.HTTP)]:
            size = step.facet.size_bytes
            if size is None or size < self.least_bytes or step.took < self.least_us:
                continue
            # How much of it the size costs nobody can tell: what no child explains, at most.
            lost = trace.self_us(step.index)
            yield self.finding(
                trace, entry, step.facet.subject, [step.index], lost,
                size_bytes=size, took_us=step.took,
            )  # fmt: skip


@dataclass(frozen=True)
class OwnCode(Detector, kind=BottleneckKind.OWN_CODE):
    """A request that is busy by itself: computing, sleeping, or in code nobody instrumented."""

    least_us: int = 500_000
    share: float = 0.5

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        top = trace.steps[entry]
        if top.row.kind != SERVER or top.took < self.least_us:
            # A job may compute for as long as it likes.
            return
        own = [top, *trace.of_kind(entry, Category.CODE)]
        waited = {one.index: 0 for one in own}
        for span, start, end in trace.path(entry):
            if span in waited:
                waited[span] += end - start
        index = max(waited, key=lambda one: waited[one])
        busy = waited[index]
        if busy >= self.least_us and busy >= self.share * top.took:
            step = trace.steps[index]
            where = "" if index == entry else step.row.name
            yield self.finding(
                trace, entry, where, [index], busy, busy_us=busy, where=step.row.name[:300]
            )
