"""What each metric takes: series counted, rows and bytes from samples of the partitions' blocks.

Counting every row would read the whole store. Small partitions are read whole; of large ones about
200,000 rows, block by block (TABLESAMPLE SYSTEM), and what is found is multiplied. Blocks hold the
rows of a moment, all metrics among them, so a block is a fair share of every metric that is sent
steadily.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.store import connect, partitions

_SAMPLED_ROWS: Final = 200_000
_RATE_OVER: Final = timedelta(hours=24)
_TIMEOUT_S: Final = 60.0
_POINTS: Final = ("tm_sample", "tm_hist")
_ROLLED: Final = (
    "tm_sample_1m", "tm_hist_1m", "tm_sample_1h", "tm_hist_1h", "tm_sample_1d", "tm_hist_1d",
)  # fmt: skip
_LOCK_KEY: Final = 0x636F_7374  # "cost"


@dataclass
class Cost:
    """What one metric name takes, all tiers together."""

    series: int = 0
    rows: float = 0.0
    bytes: float = 0.0
    # Raw points of the last day.
    recent: float = 0.0


@dataclass
class Costs:
    """Costs by metric name; `sampled` when anything was extrapolated."""

    of: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    sampled: bool = False


def measure(now: datetime | None = None) -> Costs:
    """Look at every partition of the metric tables. One measures at a time; others find nothing."""
    since = (now or datetime.now(UTC)) - _RATE_OVER
    found = Costs()
    with connect.open_connection("pharos-costs", _TIMEOUT_S, autocommit=True) as raw:
        (alone,) = raw.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone() or (0,)
        if not alone:
            return found
        for name, count in raw.execute(
            "SELECT m.name, count(*) FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id"
            " GROUP BY m.name"
        ):
            found.of[name].series = count
        existing = partitions.existing(raw)
        for table in (*_POINTS, *_ROLLED):
            for child in sorted(existing.get(table, ())):
                _add(raw, child, since if table in _POINTS else None, found)
    return found


def _add(raw: "psycopg.Connection[Any]", child: str, since: datetime | None, found: Costs) -> None:
    """One partition's share of each metric."""
    row = raw.execute(
        "SELECT greatest(reltuples, 0), pg_total_relation_size(oid),"
        " pg_relation_size(oid) FROM pg_class WHERE oid = to_regclass(%s)",
        [child],
    ).fetchone()
    # Gone meanwhile, or without a row.
    if row is None or not row[2]:
        return
    rows, size, heap = row
    # Before its first ANALYZE a partition does not know how many rows it has.
    estimated = rows or heap / 100
    percent = min(100.0, 100.0 * _SAMPLED_ROWS / max(estimated, 1))
    shares = raw.execute(
        sql.SQL(
            "SELECT m.name, sum(t.n), sum(t.bytes), sum(t.recent) FROM ("
            " SELECT series_id, count(*) AS n, sum(pg_column_size(p.*)) AS bytes, {} AS recent"
            " FROM {} p TABLESAMPLE SYSTEM ({}) REPEATABLE (1) GROUP BY series_id) t"
            " JOIN tm_series s ON s.id = t.series_id JOIN tm_metric m ON m.id = s.metric_id"
            " GROUP BY m.name"
        ).format(
            sql.SQL("count(*) FILTER (WHERE ts >= {})").format(sql.Literal(since))
            if since is not None else sql.SQL("0"),
            sql.Identifier(child),
            sql.Literal(round(percent, 4)),
        )
    ).fetchall()  # fmt: skip
    whole = float(sum(share[2] for share in shares)) or 1.0
    # The same blocks each time: figures that jump about would look like news.
    factor = 100.0 / percent
    found.sampled = found.sampled or percent < 100
    for name, count, weight, recent in shares:
        cost = found.of[name]
        cost.rows += float(count) * factor
        # Indexes and what is dead among the rows are shared by weight.
        cost.bytes += size * float(weight) / whole
        cost.recent += float(recent) * factor
