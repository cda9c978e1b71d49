"""The labels of a metric, for whoever fills in a filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql

from apps.monitoring.queries import selection
from apps.monitoring.queries.filters import Filter

MOST_VALUES: Final = 100
_MOST_LABELS: Final = 200
# Series looked at: more would take longer than somebody types.
MOST_SERIES: Final = 20_000
_OF = """
FROM (
    SELECT r.attrs || s.attrs AS attrs
    FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id
    JOIN tm_resource r ON r.id = s.resource_id
    WHERE {} ORDER BY s.last_seen DESC LIMIT {}
) x, LATERAL jsonb_each_text(x.attrs) AS l(label, value)"""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a metric, how many values it has, and in how many series it is."""

    name: str
    values: int
    series: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a label, and how many series have it."""

    value: str
    series: int


def labels(metric: str, where: Sequence[Filter] = (), since: datetime | None = None) -> list[Label]:
    """The labels of a metric's series and their resources, those with most values first."""
    statement = sql.SQL(
        "SELECT label, count(DISTINCT value), count(*) " + _OF + " GROUP BY label"
        " ORDER BY 2 DESC, 1 LIMIT {}"
    ).format(_conditions(metric, where, since), MOST_SERIES, _MOST_LABELS)
    with selection.reader() as cursor, selection.patterns():
        cursor.execute(statement)
        return [Label(*row) for row in cursor.fetchall()]


def values(
    metric: str, label: str, part: str = "", where: Sequence[Filter] = (), limit: int = MOST_VALUES
) -> list[Value]:
    """The values of a label that hold `part`, in whatever case; the most frequent first."""
    statement = sql.SQL(
        "SELECT value, count(*) " + _OF + " WHERE label = {}"
        " AND strpos(lower(value), lower({})) > 0 GROUP BY value ORDER BY 2 DESC, 1 LIMIT {}"
    ).format(
        _conditions(metric, where, None), MOST_SERIES, sql.Literal(label.replace("\0", "")),
        sql.Literal(part.replace("\0", "")), max(1, min(limit, MOST_VALUES)),
    )  # fmt: skip
    with selection.reader() as cursor, selection.patterns():
        cursor.execute(statement)
        return [Value(*row) for row in cursor.fetchall()]


def _conditions(metric: str, where: Sequence[Filter], since: datetime | None) -> sql.Composed:
    parts = [sql.SQL("m.name = {}").format(sql.Literal(metric.replace("\0", "")))]
    if since is not None:
        parts.append(sql.SQL("s.last_seen >= {}").format(sql.Literal(since)))
    return sql.SQL(" AND ").join([*parts, *(one.condition() for one in where)])
