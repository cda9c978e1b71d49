"""Log lines as they are committed, whatever time they bear: the way `tail -f` follows a file.

A partition only grows, so what is new lies behind the block where it ended some ticks ago. Some
ticks, for rows of a transaction that is still open are there and cannot be seen yet. And no fewer
than 600 blocks from the end: PostgreSQL grows a busy table by up to 512 at once and fills them
in no order.
"""

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypedDict

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from apps.core.api.renderers import utc_text
from apps.monitoring.queries import logsql
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LogFilter
from apps.monitoring.queries.logs import level_of
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.store.partitions import TABLES

# How many lines of one tick are shown; a tick is a second.
MOST_A_TICK: Final = 200
# Whoever missed a message finds its lines in the next.
_TOLD_TICKS: Final = 2
_LOOK_BACK_TICKS: Final = 5
_MOST_BLOCKS: Final = 4096
_LEAST_BLOCKS: Final = 600
_LETTERS: Final = 300
_TABLE: Final = next(table for table in TABLES if table.table == "tm_log")


class TailLine(TypedDict):
    """One line; `n` counts those that matched since the run began."""

    n: int
    id: str
    ts: str
    service: str
    level: str
    body: str
    cut: bool
    trace_id: str | None


@dataclass
class _Part:
    """How far one partition was read: where it ended at the last ticks, and what was seen there."""

    ends: deque[int] = field(default_factory=lambda: deque(maxlen=_LOOK_BACK_TICKS))
    seen: set[tuple[int, int]] = field(default_factory=set)


class Tail:
    """Follows the lines of one filter. `read` is called once a tick, by one thread at a time."""

    def __init__(self, wanted: LogFilter) -> None:
        self._conditions, self._asked = logsql.conditions(wanted, None)
        self._parts: dict[str, _Part] = {}
        self._run = secrets.token_hex(8)
        self._seen = 0
        self._ticks: deque[list[TailLine]] = deque(maxlen=_TOLD_TICKS)
        self._gap = False

    def read(self) -> dict[str, Any]:
        """The newest lines, oldest first, and how many there were in all since the run began.

        The same as before where nothing came. `gap` tells that so much came at once that it was
        not even counted. Raises UnavailableError when it takes too long.
        """
        self._gap = False
        with bounded_cursor() as cursor:
            fresh = [row for name in self._names(cursor) for row in self._new_in(cursor, name)]
        if fresh:
            self._seen += len(fresh)
            shown = fresh[-MOST_A_TICK:]
            first = self._seen - len(shown) + 1
            self._ticks.append([_line(first + i, row) for i, row in enumerate(shown)])
        lines = [line for tick in self._ticks for line in tick]
        return {"run": self._run, "seen": self._seen, "gap": self._gap, "lines": lines}

    def _names(self, cursor: CursorWrapper) -> list[str]:
        """The partitions that take lines of now: late ones up to a day, early ones an hour."""
        now = datetime.now(UTC)
        moments = (now - timedelta(days=1), now, now + timedelta(hours=1))
        names = sorted({_TABLE.name(_TABLE.floor(moment)) for moment in moments})
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) name WHERE to_regclass(name) IS NOT NULL", [names]
        )
        there = sorted(row[0] for row in cursor.fetchall())
        self._parts = {name: self._parts.get(name) or _Part() for name in there}
        return there

    def _new_in(self, cursor: CursorWrapper, name: str) -> list[tuple[Any, ...]]:
        part = self._parts[name]
        cursor.execute("SELECT pg_relation_size(to_regclass(%s)) / 8192", [name])
        (end,) = cursor.fetchone() or (0,)
        if part.ends and end < part.ends[-1]:
            # Written anew: what lies there now is not new.
            part.ends.clear()
            part.seen = set(self._matching(cursor, name, 0))
        # The last block of before may have had room left.
        start = max(0, min((part.ends[0] if part.ends else end) - 1, end - _LEAST_BLOCKS))
        self._gap |= end - start > max(_MOST_BLOCKS, _LEAST_BLOCKS)
        start = max(start, end - _MOST_BLOCKS)
        part.ends.append(end)
        found = self._matching(cursor, name, start)
        fresh = sorted(place for place in found if place not in part.seen)
        part.seen = set(found)
        return self._rows(cursor, name, fresh)

    def _matching(self, cursor: CursorWrapper, name: str, start: int) -> list[tuple[int, int]]:
        query = sql.SQL("SELECT l.ctid::text FROM {} l WHERE l.ctid >= %(from)s::tid {}").format(
            sql.Identifier(name), sql.SQL(self._conditions)
        )
        cursor.execute(query, {**self._asked, "from": f"({start},0)"})
        return [_place(row[0]) for row in cursor.fetchall()]

    def _rows(
        self, cursor: CursorWrapper, name: str, places: list[tuple[int, int]]
    ) -> list[tuple[Any, ...]]:
        """One entry for each place; only the last have what is shown of them."""
        wanted = places[-MOST_A_TICK:]
        if not wanted:
            return []
        query = sql.SQL(
            "SELECT l.ts, hashtextextended(l.body, coalesce(l.span_id, 0)), l.ctid::text,"
            " r.service, l.severity, left(l.body, %(letters)s), l.trace_id"
            " FROM {} l JOIN tm_resource r ON r.id = l.resource_id"
            " WHERE l.ctid = ANY (%(places)s::tid[]) ORDER BY l.ctid"
        ).format(sql.Identifier(name))
        texts = [f"({block},{number})" for block, number in wanted]
        cursor.execute(query, {"places": texts, "letters": _LETTERS})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        unshown: list[tuple[Any, ...]] = [()] * (len(places) - len(rows))
        return unshown + rows


def _place(ctid: str) -> tuple[int, int]:
    block, number = ctid[1:-1].split(",")
    return int(block), int(number)


def _line(n: int, row: tuple[Any, ...]) -> TailLine:
    ts, tie, ctid, service, severity, body, trace_id = row
    return {
        "n": n,
        "id": LinePlace.of(ts, tie, ctid).id,
        "ts": utc_text(ts),
        "service": service,
        "level": level_of(severity),
        "body": body,
        "cut": len(body) == _LETTERS,
        "trace_id": trace_id.hex if trace_id else None,
    }
