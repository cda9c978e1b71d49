"""One trace as the detectors see it: who called whom, and what was waited for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

from apps.monitoring.bottlenecks.semantics import CONSUMER, SERVER, Category, Facet, facet
from apps.monitoring.traces.criticalpath import Segment, critical_path
from apps.monitoring.traces.tree import Tree, build

# Times a trace may be walked for the critical paths of its requests.
_WALKS: Final = 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """One span as the store has it; `traces.tree.SpanRow` and what detectors need besides."""

    start_us: int
    span_id: int
    parent_id: int | None
    kind: int
    duration_us: int
    place: int
    service: str
    name: str
    status: int
    attrs: dict[str, Any]
    events: Any = None


@dataclass(frozen=True, slots=True)
class Step:
    """One span. Times are microseconds since 1970 on one clock; `parent` is an index or -1.

    `entry` is the index of the request or job it belongs to: the nearest server or consumer span
    at or above it, else the root it hangs from.
    """

    index: int
    parent: int
    entry: int
    start: int
    end: int
    row: Row
    facet: Facet

    @property
    def took(self) -> int:
        """Microseconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Trace:
    """All spans of one trace, depth first."""

    trace_id: UUID
    tree: Tree[Row]
    steps: Sequence[Step]

    @classmethod
    def of(cls, trace_id: UUID, rows: Sequence[Row]) -> "Trace":
        """From flat rows, at least one."""
        tree = build(rows)
        steps: list[Step] = []
        for i, row in enumerate(tree.spans):
            above = tree.parents[i]
            entry = i if row.kind in (SERVER, CONSUMER) or above < 0 else steps[above].entry
            what = facet(row.name, row.kind, row.status, row.attrs, row.events)
            start, end = tree.starts_us[i], tree.stops_us[i]
            steps.append(Step(i, above, entry, start, end, row, what))
        return cls(trace_id, tree, steps)

    @property
    def start(self) -> datetime:
        """When its first span began."""
        return _EPOCH + timedelta(microseconds=min(step.start for step in self.steps))

    @cached_property
    def by_entry(self) -> dict[int, list[Step]]:
        """The steps of each request or job, in order of time; the entry itself is not in it."""
        found: dict[int, list[Step]] = {step.entry: [] for step in self.steps}
        for step in sorted(self.steps, key=lambda one: (one.start, one.index)):
            if step.index != step.entry:
                found[step.entry].append(step)
        return found

    def of_kind(self, entry: int, *categories: Category) -> list[Step]:
        """The steps of one request that did one of these, in order of time."""
        return [step for step in self.by_entry[entry] if step.facet.category in categories]

    def path(self, entry: int) -> list[Segment]:
        """What the end of one request had to wait for; `span` is an index into `steps`.

        Nothing where requests within requests go so deep that it would take too long to say.
        """
        found = self._paths.get(entry)
        if found is None and self._affordable(entry):
            found = self._paths[entry] = _below(self.tree, entry)
        return found or []

    @cached_property
    def _paths(self) -> dict[int, list[Segment]]:
        return {}

    def _affordable(self, entry: int) -> bool:
        """Whether the path of this request is known or may be looked for."""
        if entry in self._paths:
            return True
        walked = sum(self.tree.ends[one] - one for one in self._paths)
        return walked + self.tree.ends[entry] - entry <= _WALKS * len(self.steps)

    def waited_us(self, entry: int, steps: Iterable[int]) -> int:
        """Microseconds of the request's critical path that lie in these steps or below them.

        Of a trace that nests without end the time these steps took, on the path or not.
        """
        if not self._affordable(entry):
            pieces = [(self.steps[i].start, self.steps[i].end) for i in steps]
            return covered_us(pieces, self.steps[entry].start, self.steps[entry].end)
        wanted = sorted((i, self.tree.ends[i]) for i in steps)
        total = reached = 0
        inside: set[int] = set()
        for low, high in wanted:
            inside.update(range(max(low, reached), high))
            reached = max(reached, high)
        for segment in self.path(entry):
            if segment.span in inside:
                total += segment.end_us - segment.start_us
        return total

    def self_us(self, index: int) -> int:
        """How long a step was busy with none of its children running."""
        step = self.steps[index]
        pieces = [(self.steps[c].start, self.steps[c].end) for c in self.tree.children(index)]
        return step.took - covered_us(pieces, step.start, step.end)


def covered_us(pieces: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """How much of [start, end) the pieces cover; where they overlap counts once."""
    total, reached = 0, start
    for low, high in sorted(pieces):
        low, high = max(low, reached), min(high, end)  # noqa: PLW2901 (clipped)
        if high > low:
            total += high - low
            reached = high
    return total


def _below(tree: Tree[Row], top: int) -> list[Segment]:
    """The critical path of one span's subtree, which lies in one piece of the tree."""
    last = tree.ends[top]
    part = Tree(
        tree.spans[top:last],
        tree.depths[top:last],
        [-1, *(parent - top for parent in tree.parents[top + 1 : last])],
        [end - top for end in tree.ends[top:last]],
        tree.starts_us[top:last],
        tree.stops_us[top:last],
        tree.skews_us[top:last],
    )
    return [Segment(top + span, start, end) for span, start, end in critical_path(part)]
