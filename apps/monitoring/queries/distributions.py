"""Histograms: buckets are merged, and only then is a percentile taken."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.queries.plan import Plan
from apps.monitoring.queries.selection import Selected
from apps.monitoring.store import fold, histograms
from apps.monitoring.store.histograms import State
from apps.monitoring.store.ranges import between

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
# What the counts alone answer, without reading a single bucket.
_PLAIN: Final = ("count", "increase", "rate", "sum", "avg", "min", "max")


@dataclass(frozen=True)
class Cell:
    """One group in one step."""

    state: State
    last_ts: datetime

    @property
    def n(self) -> int:
        return self.state.count

    def value(self, aggregation: str, *, covered_s: float) -> float | None:
        """The figure asked for; None when the senders did not report what it needs."""
        if aggregation in QUANTILES:
            return histograms.quantile(self.state, QUANTILES[aggregation])
        if aggregation == "rate":
            return self.state.count / covered_s
        if aggregation in ("count", "increase"):
            return float(self.state.count)
        if aggregation == "avg":
            return self.state.mean
        if aggregation in ("min", "max"):
            known = self.state.min if aggregation == "min" else self.state.max
            return known if known is not None else self._extreme(aggregation)
        return self.state.sum

    def _extreme(self, aggregation: str) -> float | None:
        return histograms.quantile(self.state, 0.0 if aggregation == "min" else 1.0)


def read(
    cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan, aggregation: str
) -> dict[int, dict[datetime, Cell]]:
    """Cells by group and step."""
    if any(selected.cumulative):
        found = _gains(cursor, selected, plan)
    elif aggregation in _PLAIN:
        found = _totals(cursor, selected, plan)
    else:
        found = _deltas(cursor, selected, plan)
    group_of = dict(zip(selected.ids, selected.groups, strict=True))
    cells: dict[int, dict[datetime, list[tuple[State, datetime]]]] = {}
    for series_id, bucket, state, at in found:
        step = plan.start + (bucket - plan.start) // plan.step * plan.step
        if step >= plan.start and state.count:
            cells.setdefault(group_of[series_id], {}).setdefault(step, []).append((state, at))
    return {
        group: {
            step: Cell(histograms.merge(s for s, _ in parts), max(at for _, at in parts))
            for step, parts in steps.items()
        }
        for group, steps in cells.items()
    }


Gain = tuple[int, datetime, State, datetime]


def _deltas(cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan) -> list[Gain]:
    """Delta histograms with their buckets, merged for each series and step.

    Points in the same step are added up as arrays: there may be tens of thousands.
    """
    parts = [
        sql.SQL(
            "SELECT series_id, date_bin({}, {at}, {}) AS step, {state}, {at} AS at FROM {}"
            " WHERE series_id = ANY(%(ids)s) AND n > 0 AND {} AND {at} >= {}"
        ).format(
            sql.Literal(plan.step),
            sql.Literal(plan.start),
            sql.Identifier(table),
            between(key, spans),
            sql.Literal(plan.start),
            at=sql.Identifier(key),
            state=sql.SQL(fold.STATE_COLUMNS),
        )
        for table, key, spans in _tables(plan)
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(parts), {"ids": selected.ids})
    rows: dict[tuple[int, datetime], list[tuple[Any, ...]]] = {}
    for row in cursor:
        rows.setdefault((row[0], row[1]), []).append(row)
    return [
        (series_id, step, fold.merge_rows([row[2:13] for row in group]), max(r[13] for r in group))
        for (series_id, step), group in rows.items()
    ]


def _totals(cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan) -> list[Gain]:
    """Counts, sums and extremes of delta histograms, added up by PostgreSQL."""
    parts = [
        sql.SQL(
            "SELECT series_id, {} AS at, n, sum, min, max FROM {}"
            " WHERE series_id = ANY(%(ids)s) AND {}"
        ).format(sql.Identifier(key), sql.Identifier(table), between(key, spans))
        for table, key, spans in _tables(plan)
    ]
    cursor.execute(
        sql.SQL(
            "SELECT series_id, date_bin({}, at, {}) AS step, sum(n)::int8,"
            " CASE WHEN count(sum) = count(*) THEN sum(sum) END,"
            " CASE WHEN count(min) = count(*) THEN min(min) END,"
            " CASE WHEN count(max) = count(*) THEN max(max) END, max(at)"
            " FROM ({}) p WHERE n > 0 GROUP BY 1, 2"
        ).format(
            sql.Literal(plan.step), sql.Literal(plan.start), sql.SQL(" UNION ALL ").join(parts)
        ),
        {"ids": selected.ids},
    )
    return [
        (series_id, step, State(n, total, low, high), at)
        for series_id, step, n, total, low, high, at in cursor.fetchall()
    ]


def _tables(plan: Plan) -> list[tuple[str, str, list[tuple[datetime, datetime]]]]:
    tables = [
        ("tm_hist", "ts", plan.points),
        ("tm_hist_1m", "bucket", plan.minutes),
        ("tm_hist_1h", "bucket", plan.hours),
    ]
    return [entry for entry in tables if entry[2]]


def _gains(cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan) -> list[Gain]:
    """What each series gained in each bucket of the plan, with its buckets."""
    cumulative = {i for i, c in zip(selected.ids, selected.cumulative, strict=True) if c}
    partials = []
    for table, key, spans in _tables(plan):
        columns = fold.POINT_COLUMNS if key == "ts" else fold.ROLLUP_COLUMNS
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE series_id = ANY(%s) AND {}").format(
                sql.SQL(columns), sql.Identifier(table), between(key, spans)
            ),
            [selected.ids],
        )
        partials += [
            fold.from_point_row(row, cumulative=row[0] in cumulative)
            if key == "ts"
            else fold.from_rollup_row(row)
            for row in cursor
        ]
    partials.sort(key=lambda p: (p.bucket, p.head.state.count if p.head else 0))
    return [
        (series_id, bucket, state, bucket)
        for series_id, chained in fold.by_series(partials).items()
        for bucket, state in fold.chain(chained, plan.horizon)
    ]
