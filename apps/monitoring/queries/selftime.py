"""How long each span was busy itself."""

from collections.abc import Sequence


def self_times(spans: Sequence[tuple[int, int, int]]) -> list[int]:
    """Microseconds of each span in which none of its children ran.

    `spans` are (start, duration, depth), depth first, in microseconds. Children that run at once
    count once, and what a child does before its parent begins or after it ends counts for nothing.
    """
    children: list[list[tuple[int, int]]] = [[] for _ in spans]
    path: list[int] = []
    for index, (start, duration, depth) in enumerate(spans):
        del path[depth:]
        if path:
            children[path[-1]].append((start, start + max(duration, 0)))
        path.append(index)
    return [
        max(duration, 0) - _covered(children[index], start, start + max(duration, 0))
        for index, (start, duration, _) in enumerate(spans)
    ]


def _covered(pieces: list[tuple[int, int]], start: int, end: int) -> int:
    covered, reached = 0, start
    for begins, ends in sorted(pieces):
        begins, ends = max(begins, reached), min(ends, end)  # noqa: PLW2901 (clipped)
        if ends > begins:
            covered += ends - begins
            reached = ends
    return covered
