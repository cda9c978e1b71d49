"""Searching log lines that are compressed: slower than hot ones, with the same answers."""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import orjson
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import logs, logtext
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LEVELS, LogFilter
from apps.monitoring.queries.logs import LogLine
from apps.monitoring.store import logblocks
from apps.monitoring.store.logblocks import Columns, Line

_BUDGET_S: Final = 5.0
_MOST_BLOCKS: Final = 100_000
_REMEMBERED: Final = 24
# No block reaches over midnight, so none that began a day before the window is of it.
_LONGEST: Final = timedelta(days=1)
_BLOCKS: Final = (
    "SELECT b.id, b.start_ts, b.end_ts, b.service FROM tm_log_block b"
    " WHERE b.start_ts >= %(first_start)s AND b.start_ts < %(end)s AND b.end_ts >= %(start)s"
    " {conditions} ORDER BY b.end_ts DESC, b.id LIMIT %(most)s"
)
_DATA: Final = "SELECT b.data FROM tm_log_block b WHERE b.id = %(id)s AND b.start_ts = %(start)s"


@dataclass
class _Search:
    """One search over blocks; it reads each block once, though windows share some."""

    wanted: LogFilter
    after: LinePlace | None
    cuts: Mapping[str, int]
    deadline: float | None = None
    seen: "OrderedDict[int, list[LogLine]]" = field(default_factory=OrderedDict)

    def read(self, cursor: CursorWrapper, window: TimeRange, limit: int) -> list[LogLine]:
        """The newest lines of the window, newest first. Raises UnavailableError beyond 5 s."""
        found: list[LogLine] = []
        for number, start, end, service in self._blocks(cursor, window):
            if len(found) >= limit and found[limit - 1].ts > end:
                break
            lines = self._matching(cursor, number, start, service)
            found += [line for line in lines if window.start <= line.ts < window.end]
            found.sort(key=lambda line: line.place.key, reverse=True)
            del found[limit:]
        return found

    def _blocks(self, cursor: CursorWrapper, window: TimeRange) -> list[tuple[Any, ...]]:
        conditions: list[str] = []
        asked: dict[str, Any] = {
            "first_start": window.start - _LONGEST, "start": window.start, "end": window.end,
            "most": _MOST_BLOCKS,
        }  # fmt: skip
        if self.wanted.service:
            conditions.append("AND b.service = %(service)s")
            asked["service"] = self.wanted.service
        if self.wanted.level:
            conditions.append("AND b.levels & %(levels)s <> 0")
            asked["levels"] = 0x7FFFFFFF & ~((1 << LEVELS[self.wanted.level]) - 1)
        if self.wanted.trace_id:
            conditions.append(f"AND {logblocks.MAY_HOLD}")
            asked["first"], asked["second"] = logblocks.trace_bits(self.wanted.trace_id)
        cursor.execute(_BLOCKS.format(conditions=" ".join(conditions)), asked)
        return list(cursor.fetchall())

    def _matching(
        self, cursor: CursorWrapper, number: int, start: Any, service: str
    ) -> list[LogLine]:
        known = self.seen.get(number)
        if known is not None:
            return known
        now = time.monotonic()
        self.deadline = self.deadline or now + _BUDGET_S
        if now > self.deadline:
            raise UnavailableError(_("This search takes too long: narrow the range."))
        cursor.execute(_DATA, {"id": number, "start": start})
        row = cursor.fetchone()
        columns = Columns(bytes(row[0])) if row else None
        lines = [] if columns is None else [
            line for at in _matches(columns, self.wanted)
            if self._before(line := shown(service, columns.line(at), self.cuts))
        ]  # fmt: skip
        self.seen[number] = lines
        if len(self.seen) > _REMEMBERED:
            self.seen.popitem(last=False)
        return lines

    def _before(self, line: LogLine) -> bool:
        return self.after is None or line.place.key[:3] < self.after.key[:3]


def tier(
    wanted: LogFilter, after: LinePlace | None, cuts: Mapping[str, int]
) -> Callable[[CursorWrapper, TimeRange, int], list[LogLine]]:
    """A reader for `logs.tiers`."""
    return _Search(wanted, after, cuts).read


def line(cursor: CursorWrapper, place: LinePlace) -> LogLine | None:
    """One whole line; None when no block holds it."""
    cursor.execute(
        "SELECT b.service, b.data FROM tm_log_block b WHERE b.start_ts >= %(first_start)s"
        " AND b.start_ts <= %(ts)s AND b.end_ts >= %(ts)s",
        {"first_start": place.ts - _LONGEST, "ts": place.ts},
    )
    us, best = logblocks.microseconds(place.ts), None
    for service, data in cursor.fetchall():
        columns = Columns(bytes(data))
        ties = columns.column("tie")
        for at, ts in enumerate(columns.column("ts")):
            if ts == us and ties[at] == place.tie:
                best = shown(service, columns.line(at))
                if best.place == place:
                    return best
    return best


def _matches(columns: Columns, wanted: LogFilter) -> Iterator[int]:
    terms = logtext.parse(wanted.text)
    held = [term.lower() for term in terms.wanted]
    absent = [term.lower() for term in terms.unwanted]
    least = LEVELS.get(wanted.level, 0)
    trace = wanted.trace_id.hex if wanted.trace_id else None
    severities, traces = columns.column("severity"), columns.column("trace")
    bodies, attrs = columns.column("body"), columns.column("attrs")
    for at in range(len(columns)):
        if severities[at] < least or (trace is not None and traces[at] != trace):
            continue
        if held or absent:
            body = bodies[at].lower()
            if not all(t in body for t in held) or any(t in body for t in absent):
                continue
        if all(_text(attrs[at], name) == value for name, value in wanted.fields):
            yield at


def _text(attrs: str, name: str) -> str | None:
    """An attribute as PostgreSQL's `->>` shows it; None where it is not there."""
    # Numbers stay as they are written: no float could show all of them.
    found = json.loads(attrs, parse_int=str, parse_float=str).get(name)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, dict | list):
        return json.dumps(json.loads(attrs)[name], ensure_ascii=False)
    return found if found is None else str(found)


def shown(service: str, kept: Line, cuts: Mapping[str, int] | None = None) -> LogLine:
    """A kept line as `queries.logs` shows one; cut as it cuts lists, or whole."""
    short = cuts is None or len(kept.attrs.encode()) <= cuts["attr_bytes"]
    return LogLine(
        LinePlace.of(kept.ts, kept.tie, kept.place), service, kept.severity,
        logs.level_of(kept.severity), kept.body[: cuts["letters"]] if cuts else kept.body,
        len(kept.body), kept.trace_id, kept.span_id,
        orjson.loads(kept.attrs) if short else None,
    )  # fmt: skip
