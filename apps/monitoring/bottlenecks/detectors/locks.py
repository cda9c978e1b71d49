"""Transactions that keep others waiting, and those that wait for them."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from apps.monitoring.bottlenecks.finding import Comparison, Detector, Finding
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.semantics import Category
from apps.monitoring.bottlenecks.trace import Step, Trace, covered_us

# Where all wait for one table, looking at all for each would take longer than the minute.
_MOST_BEFORE: Final = 300
_NAME: Final = r'(?:ONLY\s+)?((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))*)'
_WRITES: Final = (
    re.compile(rf"^UPDATE\s+{_NAME}", re.IGNORECASE),
    re.compile(rf"^DELETE\s+FROM\s+{_NAME}", re.IGNORECASE),
    re.compile(rf"^LOCK\s+(?:TABLE\s+)?{_NAME}", re.IGNORECASE),
)
_ADVISORY: Final = re.compile(r"\b(pg_advisory_(?:xact_)?lock)", re.IGNORECASE)
_FROM: Final = re.compile(rf"\bFROM\s+{_NAME}", re.IGNORECASE)
_FOR: Final = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b", re.IGNORECASE)
_BEGINS: Final = re.compile(r"BEGIN|START TRANSACTION|(?:sql\.)?conn\.begin", re.IGNORECASE)
_ENDS: Final = re.compile(
    r"COMMIT|ROLLBACK(?! TO)|(?:sql\.)?tx\.(?:commit|rollback)", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def locked_table(statement: str) -> str | None:
    """The table a statement locks rows of (or all); None when it locks none."""
    found = next(filter(None, (pattern.search(statement) for pattern in _WRITES)), None)
    found = found or _for_update(statement) or _ADVISORY.search(statement)
    return found[1].replace('"', "").lower() if found else None


def _for_update(statement: str) -> re.Match[str] | None:
    # One after the other: in one pattern every FROM would look through all that follows it.
    locks = _FOR.search(statement)
    return _FROM.search(statement, 0, locks.start()) if locks else None


class _Held(NamedTuple):
    """A lock from the statement that took it to the end of its transaction."""

    start: int
    taken: int
    until: int
    trace: Trace
    step: Step


@dataclass(frozen=True)
class LockWait(Comparison, kind=BottleneckKind.LOCK_WAIT):
    """A statement that locks rows of a table ends just when another transaction on it ends.

    Spans do not say that they wait for a lock. But who waits for one goes on the moment it is let
    go, and that moment is the end of somebody's transaction.
    """

    least_us: int = 100_000
    near_us: int = 50_000
    share: float = 0.2

    def find(self, traces: Sequence[Trace]) -> Iterator[tuple[Trace, Finding]]:
        tables: defaultdict[str, list[_Held]] = defaultdict(list)
        for trace in traces:
            for entry in trace.by_entry:
                for table, held in _locks_of(trace, entry):
                    tables[table].append(held)
        for table, locks in tables.items():
            locks.sort(key=lambda held: held.start)
            starts = [held.start for held in locks]
            for waiter in locks:
                if waiter.step.took >= self.least_us:
                    end = bisect_left(starts, waiter.step.start)
                    before = locks[max(end - _MOST_BEFORE, 0) : end]
                    yield from self._blocked(table, waiter, before)

    def _blocked(
        self, table: str, waiter: _Held, locks: list[_Held]
    ) -> Iterator[tuple[Trace, Finding]]:
        step = waiter.step
        near = max(self.near_us, int(self.share * step.took))
        holders = [
            held for held in locks
            if held.step is not step and held.start < step.start < held.until
            and (held.trace is not waiter.trace or held.step.entry != step.entry)
            and abs(held.until - step.end) <= near
        ]  # fmt: skip
        if not holders:
            return
        holder = min(holders, key=lambda held: abs(held.until - step.end))
        waited = step.took
        by = holder.trace.steps[holder.step.entry].row
        facts = {
            "waited_us": waited, "table": table, "held_us": holder.until - holder.taken,
            "holder": by.name[:300], "holder_service": by.service,
            "holder_trace": holder.trace.trace_id.hex, "holder_text": holder.step.facet.text[:2048],
            "text": step.facet.text[:2048],
        }  # fmt: skip
        yield (
            waiter.trace,
            Finding(
                self.kind, step.entry, table,
                min(waited, waiter.trace.waited_us(step.entry, [step.index])),
                (step.index,), facts,
            ),
        )  # fmt: skip


def _locks_of(trace: Trace, entry: int) -> Iterator[tuple[str, _Held]]:
    extents = list(transactions(trace, entry))
    for step in trace.of_kind(entry, Category.DB):
        table = locked_table(step.facet.subject)
        if table is None:
            continue
        ends = [end for start, end, _ in extents if start <= step.start < end]
        # Without any word of a transaction it ends with its request, or at once.
        until = min(ends) if ends else trace.steps[entry].end
        yield table, _Held(step.start, step.end, until, trace, step)


def transactions(trace: Trace, entry: int) -> Iterator[tuple[int, int, int]]:
    """(start, end, step) of each transaction of a request: a span around it, or BEGIN to COMMIT."""
    begun: Step | None = None
    for step in trace.of_kind(entry, Category.TRANSACTION):
        if step.facet.subject == "TRANSACTION":
            yield step.start, step.end, step.index
        elif _BEGINS.match(step.facet.subject) or _BEGINS.match(step.row.name):
            begun = begun or step
        elif begun and (_ENDS.match(step.facet.subject) or _ENDS.match(step.row.name)):
            yield begun.start, step.end, begun.index
            begun = None


@dataclass(frozen=True)
class IdleInTransaction(Detector, kind=BottleneckKind.IDLE_IN_TRANSACTION):
    """A transaction left open while its request does something else."""

    least_us: int = 200_000

    def find(self, trace: Trace, entry: int) -> Iterator[Finding]:
        queries = trace.of_kind(entry, Category.DB, Category.TRANSACTION)
        for start, end, index in transactions(trace, entry):
            inside = [q for q in queries if q.index != index and start <= q.start and q.end <= end]
            if not inside:
                continue
            gap = _longest_gap(inside, end)
            if gap is None or gap[1] - gap[0] < self.least_us:
                continue
            meanwhile = [
                step for step in trace.by_entry[entry]
                if step.facet.category in (Category.HTTP, Category.CACHE, Category.MESSAGING)
                and covered_us([gap], step.start, step.end) > 0
            ]  # fmt: skip
            longest = max(meanwhile, key=lambda step: step.took, default=None)
            idle = gap[1] - gap[0]
            facts = {
                "idle_us": idle, "open_us": end - start,
                "meanwhile": longest.facet.subject if longest else "",
                "locks": sorted({t for q in inside if (t := locked_table(q.facet.subject))}),
            }  # fmt: skip
            subject = longest.facet.subject if longest else ""
            shown = [index, *([longest.index] if longest else [])]
            yield self.finding(trace, entry, subject, shown, idle, **facts)


def _longest_gap(queries: Sequence[Step], end: int) -> tuple[int, int] | None:
    """The longest time without a statement after the first one."""
    gaps, reached = [], queries[0].end
    for query in sorted(queries, key=lambda one: one.start):
        if query.start > reached:
            gaps.append((reached, query.start))
        reached = max(reached, query.end)
    if end > reached:
        gaps.append((reached, end))
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)
