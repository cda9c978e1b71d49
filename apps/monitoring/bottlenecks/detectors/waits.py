"""Waiting in line: for a connection, a thread, an event loop, a worker."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from apps.monitoring.bottlenecks.finding import Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import CONSUMER, PRODUCER, Category, first, number
from apps.monitoring.bottlenecks.trace import Step, Trace

# What the recorder, and whoever wants to be understood, says of a wait.
WAIT_MS: Final = "pharos.wait_ms"


@dataclass(frozen=True)
class PoolWait(Detector, kind=BottleneckKind.POOL_WAIT):
    """All connections of a pool are taken. A fifth of `least_us` is enough where it is much.

    Pools are seen where something records their wait as a span, as pg's and HikariCP's
    instrumentation and the portal's recorder do.
    """

    least_us: int = 100_000
    share: float = 0.2

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        steps = trace.of_kind(entry, Category.POOL)
        if not steps:
            return
        waited = trace.waited_us(entry, [step.index for step in steps])
        large = waited >= self.share * trace.steps[entry].took
        if waited >= (self.least_us // 5 if large else self.least_us):
            pool = first(steps[0].row.attrs, "db.client.connection.pool.name", "pool.name")
            yield self.finding(
                trace, entry, str(pool or steps[0].row.name), [step.index for step in steps[:50]],
                waited, calls=len(steps), longest_us=max(step.took for step in steps),
                size=number(steps[0].row.attrs, "db.client.connection.max", "pool.max_size"),
            )  # fmt: skip


@dataclass(frozen=True)
class LoopLag(Detector, kind=BottleneckKind.LOOP_LAG):
    """An event loop that ran one callback for so long that nobody else had a turn."""

    least_us: int = 100_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        for step in [trace.steps[entry], *trace.by_entry[entry]]:
            if step.facet.category is Category.LOOP and step.took >= self.least_us:
                where = first(step.row.attrs, "code.function.name", "code.function")
                stack = first(step.row.attrs, "code.stacktrace", "exception.stacktrace")
                yield self.finding(
                    trace, entry, str(where or ""), [step.index], step.took,
                    blocked_us=step.took, where=str(where or "")[:300],
                    stack=str(stack or "")[:4000],
                )  # fmt: skip


@dataclass(frozen=True)
class ThreadWait(Detector, kind=BottleneckKind.SYNC_IN_ASYNC):
    """Asynchronous code that waits for a thread to run synchronous code in."""

    least_us: int = 50_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        steps = trace.of_kind(entry, Category.HOP)
        waits = {step.index: _hop_wait_us(trace, step) for step in steps}
        waited = sum(waits.values())
        if waited >= self.least_us:
            longest = max(steps, key=lambda step: waits[step.index])
            yield self.finding(
                trace, entry, longest.facet.subject, [step.index for step in steps[:50]], waited,
                calls=len(steps), longest_us=waits[longest.index],
            )  # fmt: skip


def _hop_wait_us(trace: Trace, hop: Step) -> int:
    """What it says it waited; else the time until something ran below it."""
    told = number(hop.row.attrs, WAIT_MS)
    if told is not None:
        return max(0, min(told * 1000, hop.took))
    begun = [trace.steps[i].start for i in trace.tree.children(hop.index)]
    return max(0, min(begun) - hop.start) if begun else 0


@dataclass(frozen=True)
class QueueLatency(Detector, kind=BottleneckKind.QUEUE_LATENCY):
    """A job that waited for a worker longer than anyone expects.

    Where the job does not say how long it waited, the clocks of sender and worker are compared.
    """

    least_us: int = 1_000_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        job = trace.steps[entry]
        if job.row.kind != CONSUMER:
            return
        sender = trace.steps[job.parent] if job.parent >= 0 else None
        sent_by = sender if sender is not None and sender.row.kind == PRODUCER else None
        told = number(job.row.attrs, WAIT_MS)
        if told is None and sent_by is None:
            return
        waited = told * 1000 if told is not None else job.start - (sent_by or job).end
        if waited >= self.least_us:
            names = ("messaging.destination.name", "celery.queue.name", "messaging.destination")
            queue = str(first(job.row.attrs, *names) or "")
            shown = [entry] if sent_by is None else [sent_by.index, entry]
            # Not within the job's own time, so not bounded by it.
            yield Finding(
                self.kind, entry, queue, waited, tuple(shown),
                {"waited_us": waited, "took_us": job.took, "queue": queue},
            )  # fmt: skip
