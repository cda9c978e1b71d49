"""A bounded number of traces to look into, picked evenly from a range of time."""

from typing import Final
from uuid import UUID

from apps.core.timerange import TimeRange
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.traces import reading
from apps.monitoring.traces.reading import Trace

MOST_TRACES: Final = 200
# Together; a route whose traces are huge is judged by fewer of them.
_MOST_SPANS: Final = 60_000
_AT_ONCE: Final = 25
# Rows looked at: a busy route is judged by its newest ones.
_MOST_ROOTS: Final = 20_000

# Every n-th of the roots in order of time, so that no minute stands for the whole range. A root
# that was kept for twenty counts as twenty, and no step is shorter than the heaviest: each has the
# chance it had among all that were there.
_ROOTS: Final = """
WITH found AS MATERIALIZED (
    SELECT s.ts, s.trace_id, s.dur_us, coalesce(s.weight, 1)::float8 AS weight
    FROM tm_span s
    WHERE s.ts >= %(start)s AND s.ts < %(end)s AND {which}
      AND (%(service)s = '' OR s.resource_id = ANY (
            ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s)))
      AND (%(name)s = '' OR s.name_id = ANY (
            ARRAY(SELECT id FROM tm_name WHERE value = %(name)s)))
    LIMIT %(looked)s
), numbered AS (
    SELECT trace_id, dur_us, weight,
        sum(weight) OVER (ORDER BY ts DESC, trace_id ROWS UNBOUNDED PRECEDING) - weight AS n,
        greatest(ceil(sum(weight) OVER () / %(most)s), max(weight) OVER ()) AS step
    FROM found
)
SELECT trace_id, dur_us FROM numbered
WHERE ceil(n / step) < (n + weight) / step
ORDER BY n
LIMIT %(most)s
"""
_ANY_ROOT: Final = "s.parent_id IS NULL"
# A route is also asked by other services: then its span is no root.
_ENTRY: Final = "(s.parent_id IS NULL OR s.kind IN (2, 5))"


def pick(
    time_range: TimeRange, service: str = "", name: str = "", most: int = MOST_TRACES
) -> list[tuple[UUID, int]]:
    """Ids of up to `most` traces with the microseconds of the span they were picked by.

    With a name, spans with which the service was asked count, not only the first of a trace.
    Raises UnavailableError when looking takes too long.
    """
    which = _ENTRY if name else _ANY_ROOT
    with bounded_cursor() as cursor:
        cursor.execute(
            _ROOTS.format(which=which),
            {
                "start": time_range.start, "end": time_range.end, "service": service,
                "name": name, "looked": _MOST_ROOTS, "most": most,
            },
        )  # fmt: skip
        return [(trace_id, us) for trace_id, us in cursor.fetchall()]


def read(trace_ids: list[UUID]) -> list[Trace]:
    """These traces, in order, until their spans together are enough.

    Raises UnavailableError when reading takes too long.
    """
    traces: list[Trace] = []
    left = _MOST_SPANS
    for at in range(0, len(trace_ids), _AT_ONCE):
        part = trace_ids[at : at + _AT_ONCE]
        found = reading.read_many(part, left)
        traces += found
        left -= sum(len(one.tree) for one in found)
        if left <= 0:
            break
    return traces


def typical(time_range: TimeRange, service: str, name: str, other_than: UUID) -> UUID | None:
    """The trace whose span of this name lasts as long as half of them do; None without another.

    Raises UnavailableError when looking takes too long.
    """
    found = sorted(
        ((us, one) for one, us in pick(time_range, service, name) if one != other_than),
        key=lambda pair: pair[0],
    )
    return found[len(found) // 2][1] if found else None
