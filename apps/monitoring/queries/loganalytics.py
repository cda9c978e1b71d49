"""What the lines of a range say as a whole: how many, how bad, which sentences, which new ones.

Counts come from the rollup by the minute; minutes whose rollup is behind are counted line by line.
Whole minutes only: a range begins and ends at one.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.logmining.shapes import VALUE
from apps.monitoring.queries import logtext
from apps.monitoring.queries.logfilter import LEVELS
from apps.monitoring.queries.walk import allow, bounded_cursor
from apps.monitoring.store.logroll import KIND
from apps.monitoring.store.ranges import Ranges, between, merged

NAMES: Final = ("", *LEVELS)  # by number; "" where a sender named none
ERROR: Final = NAMES.index("error")
_MINUTE: Final = timedelta(minutes=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BEHIND: Final = 10_000
_RAW_MS: Final = 3500
_MOST_SERVICES: Final = 100
_LONGEST_SEARCH: Final = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """Of which lines; "" and 0 mean all. `level` is the least."""

    service: str = ""
    level: str = ""

    @property
    def least(self) -> int:
        """The number of the level."""
        return NAMES.index(self.level)


@dataclass(slots=True)
class Volume:
    """Lines by (start of the step, level) and by (service, level)."""

    by_step: Counter[tuple[datetime, int]] = field(default_factory=Counter)
    by_service: Counter[tuple[str, int]] = field(default_factory=Counter)
    # Set when minutes that are not rolled up yet could not be counted in time.
    partial: bool = False

    @property
    def total(self) -> int:
        """All lines."""
        return sum(self.by_step.values())

    @property
    def errors(self) -> int:
        """Those at error and above."""
        return sum(n for (_, level), n in self.by_step.items() if level >= ERROR)


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One template in a range. `text` is "" for the lines that found no room among templates."""

    id: int
    service: str
    level: str
    text: str
    sample: str
    first_seen: datetime
    last_seen: datetime
    n: int
    estimated: bool

    @property
    def search(self) -> str:
        """What to search for to see its lines; "" where nothing in it is fixed."""
        pieces = [piece.strip() for piece in self.text.split(VALUE)]
        found = ""
        for piece in sorted((p for p in pieces if len(p) > 2), key=len, reverse=True)[:6]:
            longer = f"{found} {logtext.quoted(piece)}".strip()
            if len(longer) <= _LONGEST_SEARCH:
                found = longer
        return found


def whole_minutes(time_range: TimeRange) -> TimeRange:
    """The range from the minute it begins in to the end of the one it ends in."""
    start = time_range.start.replace(second=0, microsecond=0)
    end = time_range.end.replace(second=0, microsecond=0)
    return TimeRange(start, end if end == time_range.end else end + _MINUTE)


def volume(time_range: TimeRange, step_s: int, wish: Wish) -> Volume:
    """How many lines, by step and by service. Steps are whole minutes."""
    found = Volume()
    asked: dict[str, Any] = {
        "step": timedelta(seconds=step_s), "epoch": _EPOCH, "least": wish.least,
        "service": wish.service or None,
    }  # fmt: skip
    with bounded_cursor() as cursor:
        behind = _behind(cursor, time_range)
        span: dict[str, Any] = {
            "start": time_range.start, "end": time_range.end, "behind": behind,
        }  # fmt: skip
        cursor.execute(_rolled(), {**asked, **span})
        _add(found, cursor.fetchall())
    try:
        _count_behind(found, merged((m, m + _MINUTE) for m in behind), asked)
    except UnavailableError:
        found.partial = True
    return found


def _behind(cursor: CursorWrapper, time_range: TimeRange) -> list[datetime]:
    cursor.execute(
        "SELECT DISTINCT bucket FROM tm_dirty WHERE kind = %s AND bucket >= %s AND bucket < %s"
        " ORDER BY bucket DESC LIMIT %s",
        [KIND, time_range.start, time_range.end, _MOST_BEHIND],
    )
    return [row[0] for row in cursor.fetchall()]


def _count_behind(found: Volume, spans: Ranges, asked: dict[str, Any]) -> None:
    if not spans:
        return
    raw = sql.SQL(
        "SELECT ts AS at, resource_id, (severity + 3) / 4 AS level, 1 AS n FROM tm_log WHERE {}"
    ).format(between("ts", spans))
    with bounded_cursor() as cursor:
        allow(cursor, _RAW_MS)
        cursor.execute(_grouped(raw), asked)
        _add(found, cursor.fetchall())


def _rolled() -> sql.Composed:
    return _grouped(
        sql.SQL(
            "SELECT bucket AS at, resource_id, level, n FROM tm_log_1m WHERE bucket >= %(start)s"
            " AND bucket < %(end)s AND NOT bucket = ANY (%(behind)s)"
        )
    )


def _grouped(lines: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "SELECT date_bin(%(step)s, at, %(epoch)s), r.service, level, sum(n)::int8"
        " FROM ({}) lines JOIN tm_resource r ON r.id = lines.resource_id"
        " WHERE level >= %(least)s AND (%(service)s::text IS NULL OR r.service = %(service)s)"
        " GROUP BY GROUPING SETS ((1, 3), (2, 3))"
    ).format(lines)


def _add(found: Volume, rows: list[tuple[Any, ...]]) -> None:
    for at, service, level, n in rows:
        if at is None:
            found.by_service[service, level] += n
        else:
            found.by_step[at, level] += n


_TEMPLATES: Final = """
SELECT t.id, t.service, t.level, t.text, t.sample, t.first_seen, t.last_seen, used.n, used.estimated
FROM tm_log_template t JOIN (
    SELECT template_id, sum(n)::int8 AS n, bool_or(estimated) AS estimated
    FROM tm_log_template_1m WHERE bucket >= %(start)s AND bucket < %(end)s GROUP BY 1
) used ON used.template_id = t.id
WHERE t.level >= %(least)s AND (%(service)s::text IS NULL OR t.service = %(service)s)
  AND (NOT %(new)s OR (t.first_seen >= %(start)s AND t.text <> ''))
"""
_MOST_FIRST: Final = _TEMPLATES + " ORDER BY used.n DESC, t.id LIMIT %(limit)s"
_WORST_FIRST: Final = _TEMPLATES + " ORDER BY t.level DESC, used.n DESC, t.id LIMIT %(limit)s"


def templates(
    time_range: TimeRange, wish: Wish, *, new: bool = False, limit: int = 20
) -> list[TemplateUse]:
    """The templates seen most, or the `new` ones: first seen in the range, the worst first.

    Raises UnavailableError when it takes too long.
    """
    asked: dict[str, Any] = {
        "start": time_range.start, "end": time_range.end, "least": wish.least,
        "service": wish.service or None, "new": new, "limit": limit,
    }  # fmt: skip
    with bounded_cursor() as cursor:
        cursor.execute(_WORST_FIRST if new else _MOST_FIRST, asked)
        rows = cursor.fetchall()
    return [
        TemplateUse(row[0], row[1], NAMES[row[2]], *row[3:])  # the rest is as in the class
        for row in rows
    ]


def known_since() -> datetime | None:
    """The first minute counted; what began before it looks new. None when nothing is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(bucket) FROM tm_log_1m")
        row = cursor.fetchone()
    return row[0] if row else None


def services(found: Volume) -> list[tuple[str, int, int]]:
    """(service, lines, errors), the loudest first, at most a hundred."""
    lines: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for (service, level), n in found.by_service.items():
        lines[service] += n
        errors[service] += n if level >= ERROR else 0
    return [(name, n, errors[name]) for name, n in lines.most_common(_MOST_SERVICES)]
