"""Spans without a store."""

from typing import NamedTuple


class Row(NamedTuple):
    """One span; `place` is its resource."""

    span_id: int
    parent_id: int | None
    start_us: int
    duration_us: int
    kind: int = 1
    place: int = 1
    name: str = ""
    service: str = "shop"
    failed: bool = False


def rows(*given: tuple[str, str | None, int, int] | tuple[str, str | None, int, int, int]):
    """(name, parent's name, start, duration[, kind]) of each span; ids follow the names."""
    return [
        Row(
            ord(name), None if parent is None else ord(parent), start, took, *kind,
            name=name,
        )
        for name, parent, start, took, *kind in given
    ]  # fmt: skip
