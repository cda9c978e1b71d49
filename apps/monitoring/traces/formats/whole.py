"""Everything known of a trace, as the forms need it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.monitoring.traces import reading
from apps.monitoring.traces.reading import Details, Trace, TraceSpan

_NOTHING = Details({}, [], [])


@dataclass(frozen=True, slots=True)
class WholeTrace:
    """A trace with the attributes, events and links of its spans and their resources."""

    trace: Trace
    details: dict[int, Details]
    resources: dict[int, dict[str, Any]]

    @property
    def spans(self) -> Iterator[tuple[TraceSpan, Details]]:
        """Every span depth first, with the times its sender gave."""
        for span in self.trace.tree.spans:
            yield span, self.details.get(span.span_id, _NOTHING)


def read(trace_ids: Sequence[UUID], most: int = reading.MOST_SPANS) -> list[WholeTrace]:
    """These traces, as many of them as have no more than `most` spans together.

    Raises UnavailableError when reading takes too long.
    """
    traces = reading.read_many(trace_ids, most)
    if not traces and trace_ids:
        cut = reading.read(trace_ids[0], most)
        traces = [cut] if cut else []
    resources = reading.resources({span.place for one in traces for span in one.tree.spans})
    return [WholeTrace(one, reading.details(one.id), resources) for one in traces]


def hex_id(number: int) -> str:
    """A span id as the forms write it; PostgreSQL keeps it as a signed number."""
    return f"{number & 0xFFFFFFFFFFFFFFFF:016x}"
