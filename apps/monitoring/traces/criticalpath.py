"""The critical path: what a trace's end had to wait for, moment by moment.

Walks backwards from the end of the root. At every moment the span that counts is the child that
finished last before it; where none ran, the span itself. What was sent off as a message does not
block its sender. The rules, and the cases they are tested with, are those of Jaeger's UI
(jaegertracing/jaeger-ui: components/TracePage/CriticalPath). Two differences: a child that ended
in the very microsecond its successor began is on the path, and each span's children are sorted
once, so that wide traces cost O(n log n).
"""

from collections.abc import Iterable
from typing import NamedTuple

from apps.monitoring.traces.tree import CONSUMER, PRODUCER, Row, Tree


class Segment(NamedTuple):
    """A stretch of time [start_us, end_us) in which the end waited for one span.

    `span` is its index in the tree.
    """

    span: int
    start_us: int
    end_us: int


class _Call:
    """A span on the way: its blocking children clipped to it, last to finish at the end."""

    __slots__ = ("children", "index", "start_us", "until_us")

    def __init__(
        self, index: int, start_us: int, until_us: int, children: list[tuple[int, int, int]]
    ) -> None:
        self.index = index
        self.start_us = start_us
        self.until_us = until_us
        self.children = children


def critical_path(tree: Tree[Row]) -> list[Segment]:
    """Segments in order of time; they never overlap.

    A trace with several roots has a path through them as if something had called them all; where
    no root was received the spans at the top stand for it.
    """
    tops = tree.tops
    roots = [i for i in tops if tree.spans[i].parent_id is None] or tops
    if not roots:
        return []
    first = min(tree.starts_us[i] for i in roots)
    last = max(tree.stops_us[i] for i in roots)
    top = _Call(-1, first, last, _clipped(tree, roots, first, last))
    path: list[Segment] = []
    stack = [top]
    while stack:
        call = stack[-1]
        child = _last_before(call)
        begins_us = call.start_us if child is None else child[0]
        if call.until_us > begins_us and call.index >= 0:
            path.append(Segment(call.index, begins_us, call.until_us))
        if child is None:
            stack.pop()
            continue
        until_us, start_us, index = child
        call.until_us = start_us
        blocking = _blocking(tree, index)
        stack.append(_Call(index, start_us, until_us, _clipped(tree, blocking, start_us, until_us)))
    path.reverse()
    return path


def _last_before(call: _Call) -> tuple[int, int, int] | None:
    """The child that finished last up to now; those that were still running are passed over."""
    while call.children:
        child = call.children.pop()
        if child[0] <= call.until_us:
            return child
    return None


def _blocking(tree: Tree[Row], index: int) -> Iterable[int]:
    if tree.spans[index].kind != PRODUCER:
        return tree.children(index)
    return [i for i in tree.children(index) if tree.spans[i].kind != CONSUMER]


def _clipped(
    tree: Tree[Row], indexes: Iterable[int], start_us: int, end_us: int
) -> list[tuple[int, int, int]]:
    """(end, start, index) of the spans that share time with [start_us, end_us), by their end.

    Of those that end together the one that began first comes last: it explains more.
    """
    found = []
    for i in indexes:
        begins, ends = tree.starts_us[i], tree.stops_us[i]
        if begins < end_us and (ends > start_us or begins >= start_us):
            found.append((min(ends, end_us), max(begins, start_us), i))
    found.sort(key=lambda child: (child[0], -child[1]))
    return found
