"""Gauges and sums: one statement folds every series and adds the groups up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.queries.plan import Plan
from apps.monitoring.queries.selection import Selected
from apps.monitoring.store import fold
from apps.monitoring.store.ranges import between
from apps.monitoring.store.rows import Kind


@dataclass(frozen=True)
class Cell:
    """One group in one step."""

    n: int
    sum: float
    min: float
    max: float
    increase: float
    level: float
    last: float
    last_ts: datetime

    def value(self, aggregation: str, *, gauge: bool, covered_s: float) -> float:
        """The figure asked for. `sum` of a gauge is the sum over its series of their means."""
        if aggregation == "avg":
            return self.sum / self.n
        if aggregation == "rate":
            return self.increase / covered_s
        if aggregation == "sum":
            return self.level if gauge else self.increase
        if aggregation == "count":
            return float(self.n)
        return float(getattr(self, aggregation))


def together(cells: Sequence[Cell]) -> Cell:
    """Several cells as one; there is at least one."""
    newest = max(cells, key=lambda c: (c.last_ts, c.last))
    return Cell(
        sum(c.n for c in cells),
        math.fsum(c.sum for c in cells),
        min(c.min for c in cells),
        max(c.max for c in cells),
        math.fsum(c.increase for c in cells),
        math.fsum(c.level for c in cells),
        newest.last,
        newest.last_ts,
    )


def partials(plan: Plan) -> sql.Composed:
    """The relation of every partial the plan names, for the series in %(ids)s."""
    parts = []
    for table, columns, key, spans in (
        ("tm_sample", fold.POINT, "ts", plan.points),
        ("tm_sample_1m", fold.PARTIAL, "bucket", plan.minutes),
        ("tm_sample_1h", fold.PARTIAL, "bucket", plan.hours),
        ("tm_sample_1d", fold.PARTIAL, "bucket", plan.days),
    ):
        if spans:
            parts.append(
                sql.SQL("SELECT {} FROM {} WHERE series_id = ANY(%(ids)s) AND {} {}").format(
                    sql.SQL(columns),
                    sql.Identifier(table),
                    between(key, spans),
                    sql.SQL("AND value IS NOT NULL" if key == "ts" else ""),
                )
            )
    return sql.SQL(" UNION ALL ").join(parts)


_CHAINED: Final = """
SELECT grp, bucket, sum(n)::int8, sum(sum), min(min), max(max),
    sum(CASE WHEN cumulative THEN increase ELSE sum END), sum(sum / n),
    (array_agg(last ORDER BY last_ts DESC, last DESC))[1], max(last_ts)
FROM ({folded}) f JOIN unnest(%(ids)s::int[], %(groups)s::int[], %(cumulative)s::bool[])
    AS g(id, grp, cumulative) ON g.id = f.series_id
WHERE bucket >= {low} GROUP BY grp, bucket"""
# Where no figure depends on the order of points, neither sort nor window is paid for.
_PLAIN: Final = """
SELECT grp, {step} AS step, sum(n)::int8, sum(sum), min(min), max(max),
    sum(sum), 0::float8, 0::float8, max(last_ts)
FROM ({partials}) f JOIN unnest(%(ids)s::int[], %(groups)s::int[]) AS g(id, grp)
    ON g.id = f.series_id
WHERE bucket >= {low} GROUP BY grp, step"""


def variant(selected: Selected, aggregation: str) -> str:
    """Aggregations of one variant are answered by the same cells."""
    return "plain" if _is_plain(selected, aggregation) else "chained"


def read(
    cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan, aggregation: str
) -> dict[int, dict[datetime, Cell]]:
    """Cells by group and step; they hold what `aggregation` needs."""
    step = sql.SQL("date_bin({}, bucket, {})").format(
        sql.Literal(plan.step), sql.Literal(plan.start)
    )
    low = sql.Literal(plan.start)
    if _is_plain(selected, aggregation):
        statement = sql.SQL(_PLAIN).format(step=step, partials=partials(plan), low=low)
    else:
        folded = fold.fold_sql(partials(plan), step, local=False)
        statement = sql.SQL(_CHAINED).format(folded=folded, low=low)
    cursor.execute(
        statement,
        {
            "ids": selected.ids,
            "groups": selected.groups,
            "cumulative": selected.cumulative,
            "horizon": plan.horizon,
        },
    )
    found: dict[int, dict[datetime, Cell]] = {}
    for group, bucket, *cells in cursor.fetchall():
        found.setdefault(group, {})[bucket] = Cell(*cells)
    return found


def _is_plain(selected: Selected, aggregation: str) -> bool:
    if aggregation in ("avg", "min", "max", "count"):
        return True
    # What a delta sum gained is the sum of its points.
    gains = selected.kind is Kind.SUM and selected.monotonic and not any(selected.cumulative)
    return gains and aggregation in ("sum", "rate", "increase")
