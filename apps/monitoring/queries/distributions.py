"""Histograms: buckets are merged, and only then is a percentile taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.queries import buckets
from apps.monitoring.queries.plan import Plan
from apps.monitoring.queries.selection import Selected
from apps.monitoring.store import fold, histograms
from apps.monitoring.store.histograms import State
from apps.monitoring.store.ranges import between

QUANTILES: Final = {
    "p1": 0.01, "p5": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9,
    "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999,
}  # fmt: skip
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

    @property
    def interpolated(self) -> bool:
        """Whether its percentiles are read between bounds that the sender chose."""
        return self.state.bounds is not None

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


def together(cells: Sequence[Cell]) -> Cell:
    """Several cells as one; there is at least one."""
    return Cell(histograms.merge(c.state for c in cells), max(c.last_ts for c in cells))


def variant(aggregation: str) -> str:
    """Aggregations of one variant are answered by the same cells."""
    if aggregation in QUANTILES:
        return "buckets"
    return "extremes" if aggregation in ("min", "max") else "totals"


def read(
    cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan, aggregation: str
) -> dict[int, dict[datetime, Cell]]:
    """Cells by group and step."""
    if any(selected.cumulative):
        found = _gains(cursor, selected, plan)
    elif aggregation in _PLAIN:
        found = _totals(cursor, selected, plan)
        if aggregation in ("min", "max") and not _has_extremes(found):
            # Senders that do not report extremes still say which bucket was the last one used.
            found = _deltas(cursor, selected, plan)
    else:
        found = _deltas(cursor, selected, plan)
    cells: dict[int, dict[datetime, list[tuple[State, datetime]]]] = {}
    for group, step, state, at in found:
        if step >= plan.start and state.count:
            cells.setdefault(group, {}).setdefault(step, []).append((state, at))
    return {
        group: {
            step: Cell(histograms.merge(s for s, _ in parts), max(at for _, at in parts))
            for step, parts in steps.items()
        }
        for group, steps in cells.items()
    }


# Group, step, what was gained in it, the newest point of it.
Gain = tuple[int, datetime, State, datetime]


def _has_extremes(gains: list[Gain]) -> bool:
    return all(state.min is not None and state.max is not None for _, _, state, _ in gains)


def _deltas(cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan) -> list[Gain]:
    """Delta histograms with their buckets, merged for each group and step."""
    parts = [
        sql.SQL(
            "SELECT {columns} FROM {}"
            " WHERE series_id = ANY(%(ids)s) AND n > 0 AND {} AND {at} >= {}"
        ).format(
            sql.Identifier(table),
            between(key, spans),
            sql.Literal(plan.start),
            at=sql.Identifier(key),
            columns=sql.SQL(buckets.COLUMNS).format(at=sql.Identifier(key)),
        )
        for table, key, spans in _tables(plan)
    ]
    merged = buckets.read(
        cursor, sql.SQL(" UNION ALL ").join(parts), selected.ids, selected.groups,
        plan.start, plan.step,
    )  # fmt: skip
    return [
        (found.group, plan.start + found.step * plan.step, found.state, found.last_ts)
        for found in merged
    ]


def _totals(cursor: "psycopg.Cursor[Any]", selected: Selected, plan: Plan) -> list[Gain]:
    """Counts, sums and extremes of delta histograms, added up by PostgreSQL."""
    parts = [
        sql.SQL(
            "SELECT series_id, {at} AS at, n, sum, min, max FROM {}"
            " WHERE series_id = ANY(%(ids)s) AND {} AND {at} >= {}"
        ).format(
            sql.Identifier(table),
            between(key, spans),
            # Deltas need no point before the first step.
            sql.Literal(plan.start),
            at=sql.Identifier(key),
        )
        for table, key, spans in _tables(plan)
    ]
    cursor.execute(
        sql.SQL(
            "SELECT grp, date_bin({}, at, {}) AS step, sum(n)::int8,"
            " CASE WHEN count(sum) = count(*) THEN sum(sum) END,"
            " CASE WHEN count(min) = count(*) THEN min(min) END,"
            " CASE WHEN count(max) = count(*) THEN max(max) END, max(at)"
            " FROM ({}) p JOIN unnest(%(ids)s::int[], %(groups)s::int[]) AS g(id, grp)"
            " ON g.id = p.series_id WHERE n > 0 GROUP BY 1, 2"
        ).format(
            sql.Literal(plan.step), sql.Literal(plan.start), sql.SQL(" UNION ALL ").join(parts)
        ),
        {"ids": selected.ids, "groups": selected.groups},
    )
    return [
        (group, step, State(n, total, low, high), at)
        for group, step, n, total, low, high, at in cursor.fetchall()
    ]


def _tables(plan: Plan) -> list[tuple[str, str, list[tuple[datetime, datetime]]]]:
    tables = [
        ("tm_hist", "ts", plan.points),
        ("tm_hist_1m", "bucket", plan.minutes),
        ("tm_hist_1h", "bucket", plan.hours),
        ("tm_hist_1d", "bucket", plan.days),
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
    group_of = dict(zip(selected.ids, selected.groups, strict=True))
    return [
        (group_of[series_id], _step_of(bucket, plan), state, bucket)
        for series_id, chained in fold.by_series(partials).items()
        for bucket, state in fold.chain(chained, plan.horizon)
    ]


def _step_of(moment: datetime, plan: Plan) -> datetime:
    return plan.start + (moment - plan.start) // plan.step * plan.step
