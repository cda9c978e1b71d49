"""The spans of one trace as a tree, made from flat rows.

Nothing about the rows is taken for granted: parents may be missing, spans may come twice, name
themselves or each other as parents, and clocks of hosts may differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5


class SpanRow(Protocol):
    """What a tree has to know of a span. Times are microseconds on one clock, whichever."""

    @property
    def span_id(self) -> int: ...
    @property
    def parent_id(self) -> int | None: ...
    @property
    def start_us(self) -> int: ...
    @property
    def duration_us(self) -> int: ...
    @property
    def kind(self) -> int:
        """OTLP's number, 0 when it was not said."""
        ...

    @property
    def place(self) -> int:
        """Whose clock it is: the resource that sent the span."""
        ...


Row = TypeVar("Row", bound=SpanRow)


@dataclass(frozen=True, slots=True)
class Tree(Generic[Row]):
    """Spans depth first; siblings in order of their start. All lists have one entry a span.

    `parents` holds the index of each span's parent, -1 at the top. `ends` holds the index after a
    span's last descendant, so that its descendants are `range(i + 1, ends[i])`. `starts_us` and
    `stops_us` are the span's times after the correction of its host's clock, `skews_us` what was
    added.
    """

    spans: list[Row]
    depths: list[int]
    parents: list[int]
    ends: list[int]
    starts_us: list[int]
    stops_us: list[int]
    skews_us: list[int]

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def tops(self) -> list[int]:
        """Roots, and spans whose parent was not received."""
        return list(self._siblings(0, len(self.spans)))

    def children(self, index: int) -> Iterator[int]:
        """The indexes of a span's children, in order of their start."""
        return self._siblings(index + 1, self.ends[index])

    def orphan(self, index: int) -> bool:
        """Whether the span's parent was never received."""
        return self.parents[index] < 0 and self.spans[index].parent_id is not None

    def _siblings(self, first: int, end: int) -> Iterator[int]:
        while first < end:
            yield first
            first = self.ends[first]


def build(rows: Sequence[Row]) -> Tree[Row]:
    """The tree of these rows, every one of them in it once. O(n log n), no recursion."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].start_us, rows[i].span_id))
    spans, depths = _depth_first([rows[i] for i in order])
    parents, ends = _links(depths)
    skews = _skews(spans, parents)
    starts = [span.start_us + skew for span, skew in zip(spans, skews, strict=True)]
    stops = [at + max(span.duration_us, 0) for span, at in zip(spans, starts, strict=True)]
    return Tree(spans, depths, parents, ends, starts, stops, skews)


def _depth_first(rows: list[Row]) -> tuple[list[Row], list[int]]:
    # Of spans that share an id the first one has the children: an id names one span.
    first = {row.span_id: i for i, row in reversed(list(enumerate(rows)))}
    children: list[list[int]] = [[] for _ in rows]
    tops = []
    for i, row in enumerate(rows):
        above = None if row.parent_id is None else first.get(row.parent_id)
        if above is None or row.parent_id == row.span_id:
            tops.append(i)
        else:
            children[above].append(i)
    spans, depths = [], []
    seen = [False] * len(rows)

    def walk(top: int) -> None:
        stack = [(top, 0)]
        while stack:
            at, depth = stack.pop()
            if seen[at]:
                continue
            seen[at] = True
            spans.append(rows[at])
            depths.append(depth)
            stack += [(child, depth + 1) for child in reversed(children[at])]

    for top in tops:
        walk(top)
    # Spans that name each other as parents hang from no top; the earliest of them becomes one.
    for i in range(len(rows)):
        if not seen[i]:
            walk(i)
    return spans, depths


def _links(depths: list[int]) -> tuple[list[int], list[int]]:
    parents: list[int] = []
    path: list[int] = []
    ends = [0] * len(depths)
    for i, depth in enumerate(depths):
        while len(path) > depth:
            ends[path.pop()] = i
        parents.append(path[-1] if path else -1)
        path.append(i)
    for i in path:
        ends[i] = len(depths)
    return parents, ends


def _skews(spans: list[Row], parents: list[int]) -> list[int]:
    """What to add to each span's start so that no callee begins before its caller.

    As Jaeger's clock skew adjuster: only where a call leaves a resource can clocks differ, and what
    runs below on the same resource is moved along. Unlike there, a span that merely ends after its
    caller is left alone: work that goes on after an answer is common, a clock that is wrong by just
    that much is not. Messages are left alone too.
    """
    skews: list[int] = []
    for span, above in zip(spans, parents, strict=True):
        if above < 0:
            skews.append(0)
            continue
        caller = spans[above]
        if caller.place == span.place:
            skews.append(skews[above])
            continue
        early_us = caller.start_us + skews[above] - span.start_us
        if early_us <= 0 or span.kind == CONSUMER:
            skews.append(0)
            continue
        # Where it fits, half of what the caller waited beyond it was the way there.
        spare_us = max(caller.duration_us - span.duration_us, 0) // 2
        skews.append(early_us + spare_us)
    return skews
