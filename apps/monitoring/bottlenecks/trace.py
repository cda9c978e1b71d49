"""One trace as the detectors see it: who called whom, and what was waited for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from apps.monitoring.bottlenecks.semantics import CONSUMER, SERVER, Category, Facet

Segment = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One span. Times are microseconds after the start of its trace; `parent` is an index or None.

    `entry` is the index of the request or job it belongs to: the nearest server or consumer span at
    or above it, else the root it hangs from.
    """

    index: int
    span_id: int
    parent: int | None
    entry: int
    service: str
    resource: int
    name: str
    kind: int
    start: int
    took: int
    facet: Facet
    attrs: dict[str, Any]

    @property
    def end(self) -> int:
        return self.start + self.took


@dataclass(frozen=True)
class Trace:
    """All spans of one trace, parents before their children."""

    trace_id: UUID
    start: datetime
    steps: Sequence[Step]
    children: Sequence[Sequence[int]] = field(repr=False)

    @cached_property
    def entries(self) -> list[int]:
        """Every request or job of the trace, and roots that are neither."""
        return sorted({step.entry for step in self.steps})

    @cached_property
    def by_entry(self) -> dict[int, list[Step]]:
        """The steps of each request or job, in order of time."""
        found: dict[int, list[Step]] = {entry: [] for entry in self.entries}
        for step in sorted(self.steps, key=lambda one: (one.start, one.index)):
            if step.index != step.entry:
                found[step.entry].append(step)
        return found

    def of(self, entry: int, *categories: Category) -> list[Step]:
        """The steps of one request that did one of these, in order of time."""
        return [step for step in self.by_entry[entry] if step.facet.category in categories]

    @cached_property
    def paths(self) -> dict[int, list[Segment]]:
        """What each request waited for, moment by moment: (step, start, end), without gaps."""
        return {entry: path(self, entry) for entry in self.entries}

    def waited(self, entry: int, steps: Iterable[int]) -> int:
        """Microseconds of the request's critical path that lie in these steps or below them."""
        wanted = set(steps)
        return sum(
            end - start for index, start, end in self.paths[entry] if self._within(index, wanted)
        )

    def _within(self, index: int | None, wanted: set[int]) -> bool:
        while index is not None:
            if index in wanted:
                return True
            index = self.steps[index].parent
        return False

    def self_us(self, index: int) -> int:
        """How long a step was busy with none of its children running."""
        step = self.steps[index]
        pieces = [(self.steps[c].start, self.steps[c].end) for c in self.children[index]]
        return step.took - covered(pieces, step.start, step.end)


def covered(pieces: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """How much of [start, end) the pieces cover; where they overlap counts once."""
    total, reached = 0, start
    for low, high in sorted(pieces):
        low, high = max(low, reached), min(high, end)  # noqa: PLW2901 (clipped)
        if high > low:
            total += high - low
            reached = high
    return total


def is_entry(kind: int) -> bool:
    """Whether a span of this kind begins a request or a job."""
    return kind in (SERVER, CONSUMER)


def path(trace: Trace, top: int) -> list[Segment]:
    """The critical path below one step, walked from its end to the child that ended last, and on.

    Children that run beyond their parent's end were not waited for and are cut there; times that
    no child explains belong to the step itself.
    """
    steps, found = trace.steps, []
    # (step, from, until): the part of the request's time this step has to explain.
    pending = [(top, steps[top].start, steps[top].end)]
    while pending:
        index, low, until = pending.pop()
        children = sorted(
            (c for c in trace.children[index] if steps[c].start < until and steps[c].took > 0),
            key=lambda c: (steps[c].end, steps[c].start), reverse=True,
        )  # fmt: skip
        for child in children:
            begins, ends = max(steps[child].start, low), min(steps[child].end, until)
            # Sent off and not waited for: a message, or what outlives its caller.
            if ends <= begins or steps[child].end > steps[index].end + _slack(steps[index].took):
                continue
            if ends < until:
                found.append((index, ends, until))
            pending.append((child, begins, ends))
            until = begins
        if until > low:
            found.append((index, low, until))
    return sorted(found, key=lambda segment: segment[1])


def _slack(took: int) -> int:
    # Clocks of two hosts, and a span closed a moment after its parent.
    return max(2_000, took // 20)
