"""Everything known of a trace, as the forms need it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.core.errors import InvalidInputError
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

    Raises InvalidInputError for texts too long for one answer, UnavailableError when reading takes
    too long.
    """
    traces = reading.read_many(trace_ids, most)
    if not traces and trace_ids:
        cut = reading.read(trace_ids[0], most)
        traces = [cut] if cut else []
    resources = reading.resources({span.place for one in traces for span in one.tree.spans})
    return [WholeTrace(one, _details(one, most), resources) for one in traces]


def _details(trace: Trace, most: int) -> dict[int, Details]:
    found = reading.details(trace.id, most=most)
    if len(found) < len({span.span_id for span in trace.tree.spans}):
        raise InvalidInputError(
            "The attributes of this trace are too long for one answer; ask for fewer spans.",
            {"parameter": "most"},
        )
    return found


def hex_id(number: int) -> str:
    """A span id as the forms write it; PostgreSQL keeps it as a signed number."""
    return f"{number & 0xFFFFFFFFFFFFFFFF:016x}"
