"""The part of a trace that shows a bottleneck: its spans, what called them, and nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from apps.monitoring.api.rows import span_hex
from apps.monitoring.traces import reading
from apps.monitoring.traces.reading import Trace, TraceSpan

_MOST_ROWS: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One span; its offset is from the trace's begin. `shows`: it is part of the bottleneck."""

    span: TraceSpan
    depth: int
    offset_us: int
    duration_us: int
    shows: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Spans in order; `left_out` is how many more show it. Offsets are from `start_us` on."""

    trace_id: str
    rows: list[Row]
    start_us: int
    duration_us: int
    left_out: int


def excerpt(told: dict[str, Any]) -> Excerpt | None:
    """Of one piece of evidence; None when its trace is gone."""
    found = reading.read(UUID(told["trace_id"]))
    if found is None:
        return None
    wanted = set(told["span_ids"])
    showing = [
        index for index, span in enumerate(found.tree.spans) if span_hex(span.span_id) in wanted
    ]
    kept: set[int] = set()
    for index in showing:
        above = {index, *_callers(found, index)} - kept
        if len(kept) + len(above) <= _MOST_ROWS:
            kept |= above
    if not kept:
        return None
    rows = [_row(found, index, index in set(showing)) for index in sorted(kept)]
    start, end = _extent(rows)
    left_out = len(set(showing) - kept)
    return Excerpt(told["trace_id"], rows, start, end - start, left_out)


def _callers(found: Trace, index: int) -> Iterator[int]:
    while (index := found.tree.parents[index]) >= 0:
        yield index


def _row(found: Trace, index: int, shows: bool) -> Row:  # noqa: FBT001
    tree = found.tree
    start, stop = tree.starts_us[index], tree.stops_us[index]
    return Row(tree.spans[index], tree.depths[index], start - found.start_us, stop - start, shows)


def _extent(rows: Sequence[Row]) -> tuple[int, int]:
    return (
        min(row.offset_us for row in rows),
        max(row.offset_us + row.duration_us for row in rows),
    )
