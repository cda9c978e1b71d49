"""The same thing again and again in one request: N+1 queries, cache reads and calls.

Thresholds are Sentry's (getsentry/sentry: issue_detection, options/defaults), grouping is not: the
repeats of a request count together whoever called them and whatever ran in between, also at once.
Savepoints, connects and pings are no statements and break no run.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from apps.monitoring.bottlenecks.finding import Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import Category
from apps.monitoring.bottlenecks.trace import Step, Trace

_MOST_SHOWN: Final = 100


def groups(steps: Iterable[Step]) -> dict[str, list[Step]]:
    """Steps by what they did it to."""
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        found[step.facet.subject].append(step)
    return found


def saved_us(trace: Trace, entry: int, steps: list[Step]) -> int:
    """What doing it once instead would save: the wait for all, less the longest single one."""
    waited = trace.waited_us(entry, [step.index for step in steps])
    return waited - max(step.took for step in steps)


def repeat_facts(trace: Trace, steps: list[Step]) -> dict[str, Any]:
    """Figures every repeat has."""
    total = sum(step.took for step in steps)
    return {
        "calls": len(steps),
        "total_us": total,
        "mean_us": total // len(steps),
        "text": steps[0].facet.text[:2048],
        "at_once": any(a.end > b.start for a, b in pairwise(steps)),
        "callers": len({trace.steps[step.index].parent for step in steps}),
    }


@dataclass(frozen=True)
class RepeatedQuery(Detector, kind=BottleneckKind.N_PLUS_1_DB):
    """One query after another that differs in its values only, after a query that gave those.

    `least_us` in all; where the repeats are `share` of a request, a tenth of that is enough.
    """

    calls: int = 5
    least_us: int = 50_000
    share: float = 0.2

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        queries = trace.of_kind(entry, Category.DB)
        for subject, steps in groups(queries).items():
            if len(steps) < self.calls or not self._costs(trace, entry, steps):
                continue
            source = _source(queries, steps)
            if source is None and len(steps) < 2 * self.calls:
                continue
            shown = [step.index for step in steps[:_MOST_SHOWN]]
            facts = repeat_facts(trace, steps)
            if source is not None:
                facts["source"] = source.facet.text[:2048] or source.facet.subject
                shown.insert(0, source.index)
            lost = saved_us(trace, entry, steps)
            yield self.finding(trace, entry, subject, shown, lost, **facts)

    def _costs(self, trace: Trace, entry: int, steps: list[Step]) -> bool:
        total = sum(step.took for step in steps)
        large = total >= self.share * max(trace.steps[entry].took, 1)
        few = self.least_us // 10 if large and len(steps) >= 2 * self.calls else self.least_us
        return total >= few


def _source(queries: list[Step], repeats: list[Step]) -> Step | None:
    """The last other query that had ended when the repeats began."""
    first = repeats[0]
    before = [q for q in queries if q.end <= first.start and q.facet.subject != first.facet.subject]
    return before[-1] if before else None


@dataclass(frozen=True)
class RepeatedCacheRead(Detector, kind=BottleneckKind.N_PLUS_1_CACHE):
    """One key after another, where one command reads many."""

    calls: int = 10
    least_us: int = 50_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for subject, steps in groups(trace.of_kind(entry, Category.CACHE)).items():
            total = sum(step.took for step in steps)
            if len(steps) >= self.calls and total >= self.least_us:
                shown = [step.index for step in steps[:_MOST_SHOWN]]
                facts = repeat_facts(trace, steps)
                lost = saved_us(trace, entry, steps)
                yield self.finding(trace, entry, subject, shown, lost, **facts)


@dataclass(frozen=True)
class RepeatedCall(Detector, kind=BottleneckKind.N_PLUS_1_API):
    """Similar calls of another service, one for each item."""

    calls: int = 5
    least_us: int = 300_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for subject, steps in groups(trace.of_kind(entry, Category.HTTP)).items():
            if len(steps) < self.calls or sum(step.took for step in steps) < self.least_us:
                continue
            shown = [step.index for step in steps[:_MOST_SHOWN]]
            facts = repeat_facts(trace, steps)
            lost = saved_us(trace, entry, steps)
            yield self.finding(trace, entry, subject, shown, lost, **facts)
