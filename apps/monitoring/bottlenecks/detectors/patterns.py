"""A group of queries repeated as a whole, for each item of something: MN+1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from apps.monitoring.bottlenecks.detectors.repeats import repeat_facts, saved_us
from apps.monitoring.bottlenecks.finding import Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import Category
from apps.monitoring.bottlenecks.trace import Trace

_MOST_SHOWN: Final = 100


class Run(NamedTuple):
    """`times` repeats of a pattern of `length` that begin at `first`."""

    first: int
    length: int
    times: int


@dataclass(frozen=True)
class RepeatedPattern(Detector, kind=BottleneckKind.MN_PLUS_1_DB):
    """Two to eight different queries, three times or more in the same order."""

    longest: int = 8
    times: int = 3
    least_us: int = 50_000
    # Of the time between the first and the last of them; else something else is the matter.
    db_share: float = 0.05

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        queries = trace.of_kind(entry, Category.DB)
        if len(queries) < 2 * self.times:
            return
        subjects = [query.facet.subject for query in queries]
        for run in runs(subjects, self.longest, self.times):
            steps = queries[run.first : run.first + run.length * run.times]
            total = sum(step.took for step in steps)
            lasts = max(step.end for step in steps) - steps[0].start
            if total < self.least_us or total < self.db_share * lasts:
                continue
            pattern = subjects[run.first : run.first + run.length]
            # Where a run begins is chance: the same loop must have one name.
            subject = "; ".join(_rotated(pattern))
            facts = repeat_facts(trace, steps) | {
                "times": run.times,
                "pattern": [text[:300] for text in pattern],
            }
            shown = [step.index for step in steps[:_MOST_SHOWN]]
            lost = saved_us(trace, entry, steps) * (run.times - 1) // run.times
            yield self.finding(trace, entry, subject, shown, lost, **facts)


def runs(items: Sequence[str], longest: int, times: int) -> Iterator[Run]:
    """Repeated patterns of at least two different items, the shortest first; they never overlap.

    Each length costs one pass: an item that equals the one `length` before it prolongs a run.
    """
    taken = [False] * len(items)
    for length in range(2, longest + 1):
        same = 0
        for at in range(length, len(items) + 1):
            if at < len(items) and items[at] == items[at - length]:
                same += 1
                continue
            first, count = at - length - same, (same + length) // length
            last = first + count * length
            varied = len(set(items[first : first + length])) > 1
            if count >= times and varied and not any(taken[first:last]):
                taken[first:last] = [True] * (last - first)
                yield Run(first, length, count)
            same = 0


def _rotated(pattern: list[str]) -> list[str]:
    return min(pattern[i:] + pattern[:i] for i in range(len(pattern)))
