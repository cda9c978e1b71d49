"""Log records, newest first, and one of them whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import found, logsql, logwindows
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LEVELS, LogFilter
from apps.monitoring.queries.walk import bounded_cursor


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record; `level` is "" when its sender named none.

    In lists `body` is cut to 4,000 letters and `attrs` is None when they are large; `body_length`
    counts all letters.
    """

    place: LinePlace
    service: str
    severity: int
    level: str
    body: str
    body_length: int
    trace_id: UUID | None
    span_id: int | None
    attrs: dict[str, Any] | None

    @property
    def ts(self) -> datetime:
        """When it happened."""
        return self.place.ts

    @property
    def cut(self) -> bool:
        """Whether more of it is kept than is here."""
        return self.attrs is None or self.body_length > len(self.body)


# The hash is of `lineplace.LinePlace.tie`.
_LINES = (
    "SELECT l.ts, hashtextextended(l.body, coalesce(l.span_id, 0)), l.ctid::text, r.service,"
    " l.severity, left(l.body, %(letters)s), length(l.body), l.trace_id, l.span_id,"
    " CASE WHEN octet_length(l.attrs::text) <= %(attr_bytes)s THEN l.attrs::text END"
    " FROM tm_log l JOIN tm_resource r ON r.id = l.resource_id"
    " WHERE l.ts >= %(start)s AND l.ts < %(end)s {conditions}"
    " ORDER BY l.ts DESC, l.ctid DESC LIMIT %(limit)s"
)
# The place may have been taken by another line of this moment: what it holds decides.
_LINE: Final = (
    "SELECT l.ts, hashtextextended(l.body, coalesce(l.span_id, 0)), l.ctid::text, r.service,"
    " l.severity, l.body, length(l.body), l.trace_id, l.span_id, l.attrs::text"
    " FROM tm_log l JOIN tm_resource r ON r.id = l.resource_id WHERE l.ts = %(ts)s"
    " {condition} AND hashtextextended(l.body, coalesce(l.span_id, 0)) = %(tie)s LIMIT 1"
)
_PLACE: Final = (
    "SELECT l.ctid::text FROM tm_log l WHERE l.ts = %(ts)s {condition}"
    " AND hashtextextended(l.body, coalesce(l.span_id, 0)) = %(tie)s LIMIT 1"
)
CUTS: Final = {"letters": 4000, "attr_bytes": 8000}
WHOLE: Final = {"letters": 65_536, "attr_bytes": 65_536}
Reader = Callable[[CursorWrapper, TimeRange, int], list[LogLine]]
# Where else lines lie that are no longer in tm_log: each gives a reader as `_hot` does.
tiers: list[Callable[[LogFilter, LinePlace | None, Mapping[str, int]], Reader]] = []
# The same for one whole line.
elsewhere: list[Callable[[CursorWrapper, LinePlace], LogLine | None]] = []


def search(
    time_range: TimeRange,
    wanted: LogFilter,
    *,
    after: LinePlace | None = None,
    limit: int = 100,
    whole: bool = False,
) -> Found[LogLine]:
    """The newest lines for which all of the filter holds, newest first.

    `whole` gives up to 65,536 letters of each body, and attributes up to 64 KiB. Raises
    UnavailableError when the search takes too long to find anything.
    """
    cuts = WHOLE if whole else CUTS
    readers = [_hot(wanted, after, cuts), *(tier(wanted, after, cuts) for tier in tiers)]

    def read(cursor: CursorWrapper, window: TimeRange, limit: int) -> list[LogLine]:
        found = [line for reader in readers for line in reader(cursor, window, limit)]
        found.sort(key=lambda line: line.place.key, reverse=True)
        return found[:limit]

    return found.page(time_range, after, limit, read, spot=LinePlace, windows=logwindows.of(wanted))


def _hot(wanted: LogFilter, after: LinePlace | None, cuts: Mapping[str, int]) -> Reader:
    query = ""
    asked: dict[str, Any] = {}

    def read(cursor: CursorWrapper, window: TimeRange, limit: int) -> list[LogLine]:
        nonlocal query, asked
        if not query:
            conditions, asked = logsql.conditions(wanted, after and _now_at(cursor, after))
            query = _LINES.format(conditions=conditions)
        cursor.execute(
            query, {**asked, **cuts, "start": window.start, "end": window.end, "limit": limit}
        )
        return [_line(row) for row in cursor.fetchall()]

    return read


def _now_at(cursor: CursorWrapper, place: LinePlace) -> LinePlace:
    """Where the line of a place lies now; a line that is gone leaves its moment."""
    if not place.number:
        return place
    row = _at(cursor, _PLACE, place)
    return LinePlace.of(place.ts, place.tie, row[0]) if row else LinePlace(place.ts)


def of_trace(time_range: TimeRange, trace_id: UUID, limit: int) -> list[LogLine]:
    """The last lines of one trace, oldest first."""
    return search(time_range, LogFilter(trace_id=trace_id), limit=limit).rows[::-1]


def line(place: LinePlace) -> LogLine | None:
    """One whole line; None when it is no longer kept."""
    with bounded_cursor() as cursor:
        row = _at(cursor, _LINE, place)
        if row:
            return _line(row)
        found = (look(cursor, place) for look in elsewhere)
        return next((line for line in found if line is not None), None)


def _at(cursor: CursorWrapper, query: str, place: LinePlace) -> tuple[Any, ...] | None:
    """The row of a place: where it lay if it still does, else the one of its moment like it."""
    asked: dict[str, Any] = {"ts": place.ts, "tie": place.tie, "ctid": place.ctid}
    for condition in ("AND l.ctid = %(ctid)s::tid", ""):
        cursor.execute(query.format(condition=condition), asked)
        row: tuple[Any, ...] | None = cursor.fetchone()
        if row:
            return row
    return None


def _line(row: tuple[Any, ...]) -> LogLine:
    ts, tie, ctid, service, severity, body, length, trace_id, span_id, attrs = row
    return LogLine(
        LinePlace.of(ts, tie, ctid), service, severity, level_of(severity), body, length,
        trace_id, span_id, None if attrs is None else orjson.loads(attrs),
    )  # fmt: skip


def level_of(severity: int) -> str:
    """OTLP's short name of a severity number; "" for 0."""
    return next((name for name, least in reversed(LEVELS.items()) if severity >= least), "")
