"""How many log lines match, by group and step: what rules judge and previews draw.

Short ranges and searches are counted line by line; long ones without a text come from the rollup
by the minute where that is current.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import logsql
from apps.monitoring.queries.loganalytics import NAMES
from apps.monitoring.queries.logfilter import LEVELS, LogFilter
from apps.monitoring.queries.series import Latest
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.store.logroll import KIND

SERVICE: Final = "service.name"
LEVEL: Final = "level"
MOST_GROUPS: Final = 1000
_ROLLED_FROM: Final = timedelta(minutes=30)
_MINUTE: Final = timedelta(minutes=1)
_MOST_BY: Final = 8
_KNOWN_BY: Final = {SERVICE: "r.service", LEVEL: "(l.severity + 3) / 4"}

_MINUTES: Final = (
    "SELECT l.bucket AS ts, l.resource_id, l.level * 4 - 3 AS severity, '{{}}'::jsonb AS attrs,"
    " l.n FROM tm_log_1m l WHERE l.bucket >= %(low)s AND l.bucket < %(high)s"
    " AND l.bucket = ANY (%(rolled)s) {conditions}"
)
# Without what the rollup has already told.
_LINES: Final = (
    "SELECT l.ts, l.resource_id, l.severity, l.attrs, 1 AS n FROM tm_log l"
    " WHERE l.ts >= %(low)s AND l.ts < %(high)s"
    " AND NOT date_trunc('minute', l.ts) = ANY (%(rolled)s::timestamptz[]) {conditions}"
)
_COUNTED: Final = (
    "SELECT date_bin(%(step)s, l.ts, %(origin)s){groups}, sum(l.n)::int8"
    " FROM ({rows}) l JOIN tm_resource r ON r.id = l.resource_id"
    " GROUP BY {places} ORDER BY 1 DESC LIMIT %(most)s"
)

Group = tuple[tuple[str, str], ...]
Counts = dict[Group, dict[datetime, int]]


@dataclass(frozen=True)
class LineQuery:
    """Which lines, and what keeps counts apart: `service.name`, `level` or attributes."""

    wanted: LogFilter
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.by) > _MOST_BY or any("\0" in name for name in self.by):
            raise InvalidInputError(f"At most {_MOST_BY} attributes can keep counts apart.")
        if self.wanted.level and self.wanted.level not in LEVELS:
            raise InvalidInputError(f"There is no level {self.wanted.level!r}.")

    @property
    def rolled(self) -> bool:
        """Whether the rollup answers it: it knows services and levels, no words."""
        return not (self.wanted.text or self.wanted.fields) and set(self.by) <= {SERVICE, LEVEL}


def latest(query: LineQuery, window_s: float) -> list[Latest]:
    """The lines of the last `window_s` seconds by group; without groups always one figure.

    A group without lines is not in the answer. Raises UnavailableError when it takes too long.
    """
    now = datetime.now(UTC)
    counts = by_step(query, TimeRange(now - timedelta(seconds=window_s), now), window_s)
    found = [
        Latest(dict(group), float(sum(steps.values())), None) for group, steps in counts.items()
    ]
    return found or ([] if query.by else [Latest({}, 0.0, None)])


def by_step(query: LineQuery, time_range: TimeRange, step_s: float) -> Counts:
    """Lines by group and step, counted from the start of the range.

    Raises UnavailableError when it takes too long.
    """
    origin, step = time_range.start, timedelta(seconds=step_s)
    long = query.rolled and time_range.duration > _ROLLED_FROM
    found: Counts = {}
    with bounded_cursor() as cursor:
        rolled = _rolled(cursor, time_range) if long else []
        if rolled:
            _count(cursor, found, query, _minutes(query), (rolled[0], rolled[-1] + _MINUTE),
                   origin, step, {"rolled": rolled})  # fmt: skip
        _count(cursor, found, query, _lines(query), (time_range.start, time_range.end),
               origin, step, {"rolled": rolled})  # fmt: skip
    return found


def _rolled(cursor: Any, time_range: TimeRange) -> list[datetime]:
    """The whole minutes of the range whose rollup is current; the newest two never are."""
    low = time_range.start.replace(second=0, microsecond=0)
    low += _MINUTE if low < time_range.start else timedelta(0)
    high = min(time_range.end, datetime.now(UTC) - 2 * _MINUTE).replace(second=0, microsecond=0)
    cursor.execute(
        "SELECT m FROM generate_series(%s::timestamptz, %s::timestamptz, '1 minute') m"
        " WHERE NOT EXISTS (SELECT FROM tm_dirty d WHERE d.kind = %s AND d.bucket = m) ORDER BY m",
        [low, high - _MINUTE, KIND],
    )
    return [row[0] for row in cursor.fetchall()]


def _minutes(query: LineQuery) -> tuple[str, dict[str, Any]]:
    conditions, asked = _narrowed(query.wanted)
    return _MINUTES.format(conditions=conditions), asked


def _narrowed(wanted: LogFilter) -> tuple[str, dict[str, Any]]:
    parts = ""
    asked: dict[str, Any] = {}
    if wanted.service:
        parts += (
            " AND l.resource_id = ANY (ARRAY(SELECT id FROM tm_resource"
            " WHERE service = %(service)s))"
        )
        asked["service"] = wanted.service
    if wanted.level:
        parts += " AND l.level >= %(least)s"
        asked["least"] = NAMES.index(wanted.level)
    return parts, asked


def _lines(query: LineQuery) -> tuple[str, dict[str, Any]]:
    conditions, asked = logsql.conditions(query.wanted, None)
    return _LINES.format(conditions=conditions), asked


def _count(
    cursor: Any, found: Counts, query: LineQuery, rows: tuple[str, dict[str, Any]],
    span: tuple[datetime, datetime], origin: datetime, step: timedelta, more: Mapping[str, Any],
) -> None:  # fmt: skip
    columns, asked = [], dict(rows[1])
    for number, name in enumerate(query.by):
        columns.append(_KNOWN_BY.get(name) or f"coalesce(l.attrs ->> %(by{number})s, '')")
        asked[f"by{number}"] = name
    groups = "".join(f", {column}" for column in columns)
    places = ", ".join(str(n) for n in range(1, len(columns) + 2))
    cursor.execute(
        _COUNTED.format(groups=groups, rows=rows[0], places=places),
        {
            **asked, **more, "low": span[0], "high": span[1], "origin": origin, "step": step,
            "most": MOST_GROUPS * 1500,
        },
    )  # fmt: skip
    for at, *values, n in cursor.fetchall():
        group = tuple((name, _shown(name, v)) for name, v in zip(query.by, values, strict=True))
        if group not in found and len(found) >= MOST_GROUPS:
            continue
        steps = found.setdefault(group, {})
        steps[at] = steps.get(at, 0) + n


def _shown(name: str, value: Any) -> str:
    return NAMES[value] if name == LEVEL else str(value)
