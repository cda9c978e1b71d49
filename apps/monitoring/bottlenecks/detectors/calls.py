"""Things done one after the other that could be done at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.monitoring.bottlenecks.finding import Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import Category
from apps.monitoring.bottlenecks.trace import Step, Trace


def rows_of(steps: list[Step], gap_us: int) -> Iterator[list[Step]]:
    """Runs of steps of one caller, each beginning after the one before ended, `gap_us` at most."""
    by_caller: dict[int, list[Step]] = {}
    for step in steps:
        by_caller.setdefault(step.parent, []).append(step)
    for siblings in by_caller.values():
        run = siblings[:1]
        for step in siblings[1:]:
            if 0 <= step.start - run[-1].end <= gap_us:
                run.append(step)
            else:
                yield run
                run = [step]
        yield run


@dataclass(frozen=True)
class ConsecutiveQueries(Detector, kind=BottleneckKind.CONSECUTIVE_DB):
    """Different reads, each waiting for the one before although none needs its result.

    Whether one needs another's result cannot be seen, so only reads without values of their own
    count as independent after the first.
    """

    queries: int = 2
    each_us: int = 30_000
    saving_us: int = 100_000
    share: float = 0.1

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        long = [
            step for step in trace.of_kind(entry, Category.DB)
            if step.took >= self.each_us and step.facet.subject.upper().startswith("SELECT")
        ]  # fmt: skip
        for run in rows_of(long, gap_us=20_000):
            subjects = list(dict.fromkeys(step.facet.subject for step in run))
            if len(subjects) < self.queries or any("?" in one for one in subjects[1:]):
                continue
            saving = sum(step.took for step in run) - max(step.took for step in run)
            enough = max(self.saving_us, self.share * trace.steps[entry].took)
            if saving >= enough:
                shown = [step.index for step in run]
                lost = min(saving, trace.waited_us(entry, shown))
                yield self.finding(
                    trace, entry, "; ".join(sorted(subjects)), shown, lost,
                    calls=len(run), total_us=sum(step.took for step in run),
                )  # fmt: skip


@dataclass(frozen=True)
class ConsecutiveCalls(Detector, kind=BottleneckKind.CONSECUTIVE_HTTP):
    """Calls of other services that wait for each other."""

    calls: int = 3
    each_us: int = 500_000
    gap_us: int = 500_000
    saving_us: int = 2_000_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        long = [s for s in trace.of_kind(entry, Category.HTTP) if s.took >= self.each_us]
        for run in rows_of(long, self.gap_us):
            saving = sum(step.took for step in run) - max(step.took for step in run)
            if len(run) < self.calls or saving < self.saving_us:
                continue
            shown = [step.index for step in run]
            subject = "; ".join(sorted({step.facet.subject for step in run}))
            lost = min(saving, trace.waited_us(entry, shown))
            yield self.finding(
                trace, entry, subject, shown, lost,
                calls=len(run), total_us=sum(step.took for step in run),
            )  # fmt: skip
