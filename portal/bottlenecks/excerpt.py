"""The part of a trace that shows a bottleneck: its spans, what called them, and nothing else."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from apps.monitoring.api.rows import span_hex
from apps.monitoring.queries import traces
from apps.monitoring.queries.traces import TraceSpan

_MOST_ROWS: Final = 24


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Spans in order; `left_out` is how many more show it. Offsets are from `start_us` on."""

    trace_id: str
    rows: list[tuple[TraceSpan, bool]]
    start_us: int
    duration_us: int
    left_out: int


def excerpt(told: dict[str, Any]) -> Excerpt | None:
    """Of one piece of evidence; None when its trace is gone."""
    found = traces.tree(UUID(told["trace_id"]))
    if found is None:
        return None
    wanted = set(told["span_ids"])
    path: list[TraceSpan] = []
    kept: list[tuple[TraceSpan, bool]] = []
    shown: set[int] = set()
    evidence = 0
    for span in found.spans:
        del path[span.depth :]
        path.append(span)
        if span_hex(span.span_id) not in wanted:
            continue
        evidence += 1
        above = [one for one in path if one.span_id not in shown]
        if len(kept) + len(above) > _MOST_ROWS:
            continue
        kept += [(one, span_hex(one.span_id) in wanted) for one in above]
        shown.update(one.span_id for one in above)
    if not kept:
        return None
    start, end = _extent([span for span, _ in kept])
    marked = sum(1 for _, shows in kept if shows)
    return Excerpt(told["trace_id"], kept, start, end - start, evidence - marked)


def _extent(spans: Collection[TraceSpan]) -> tuple[int, int]:
    return (
        min(span.offset_us for span in spans),
        max(span.offset_us + span.duration_us for span in spans),
    )
