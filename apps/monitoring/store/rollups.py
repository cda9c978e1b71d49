"""Minute, hour and day rollups, kept right under late data and concurrent writers.

Writers append the minutes they touched to tm_dirty in the transaction of their rows. The roller
works on one snapshot: it folds the dirty buckets it sees anew from the tier below, marks their
hours (and those their days), and deletes the journal rows it saw. What commits meanwhile is not in
the snapshot, so its journal rows stay for the next run. Running twice changes nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel, sql

from apps.monitoring.store import connect, days, edges, exemplars, fold, journal, partitions, red
from apps.monitoring.store.ranges import between, merged
from apps.monitoring.store.rows import Temporality

logger = logging.getLogger(__name__)

_LOCK_KEY: Final = 0x726F_6C6C  # "roll"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Rows still on their way to a bucket that has just ended would only make it dirty again.
_SETTLE: Final = timedelta(seconds=5)
# A span is sent when it ends, and filed under when it began.
_LATE_SPANS: Final = timedelta(seconds=15)
_INT8_ARRAY: Final = 1016  # the oid of int8[]


@dataclass(frozen=True)
class Stage:
    """One fold: from `source` into `target`, driven by journal rows of `kind`."""

    kind: int
    # The kind of the stage above, whose buckets are then dirty.
    marks: int | None
    source: str
    target: str
    width: timedelta
    # How many buckets one transaction takes on.
    at_once: int
    # How long after its end a bucket is left alone.
    settle: timedelta = _SETTLE

    @property
    def from_points(self) -> bool:
        return self.source in ("tm_sample", "tm_hist")


MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STAGES: Final = (
    Stage(1, 3, "tm_sample", "tm_sample_1m", MINUTE, 60),
    Stage(2, 4, "tm_hist", "tm_hist_1m", MINUTE, 10),
    Stage(3, 11, "tm_sample_1m", "tm_sample_1h", HOUR, 24),
    Stage(4, 12, "tm_hist_1m", "tm_hist_1h", HOUR, 4),
    Stage(11, None, "tm_sample_1h", "tm_sample_1d", DAY, 7),
    Stage(12, None, "tm_hist_1h", "tm_hist_1d", DAY, 1),
    Stage(5, 15, "tm_span", "tm_red_1m", MINUTE, 10, _LATE_SPANS),
    Stage(15, 16, "tm_red_1m", "tm_red_1h", HOUR, 1),
    Stage(16, None, "tm_red_1h", "tm_red_1d", DAY, 1),
    Stage(6, 17, "tm_span", "tm_edge_1m", MINUTE, 10, _LATE_SPANS),
    Stage(edges.AGAIN, 17, "tm_span", "tm_edge_1m", MINUTE, 10, _LATE_SPANS),
    Stage(17, None, "tm_edge_1m", "tm_edge_1h", HOUR, 4),
)
_WIDTHS: Final = {stage.kind: stage.width for stage in STAGES}


@dataclass
class Rolled:
    """What one run did; `finished` is False when time ran out before the journal was empty."""

    buckets: int = 0
    rows: int = 0
    finished: bool = True


def roll_up(now: datetime | None = None, budget_s: float = 10.0) -> Rolled:
    """Fold every dirty bucket that has ended, for at most about `budget_s` seconds.

    Only one roller works at a time; a second one returns at once.
    """
    now = now or datetime.now(UTC)
    deadline = time.monotonic() + budget_s
    report = Rolled()
    if not journal.waits({stage.kind: stage.width + stage.settle for stage in STAGES}, now):
        return report
    with connect.open_connection("pharos-roller", 30, autocommit=True) as raw:
        # Held by the session, so that each transaction's snapshot begins under the lock.
        (alone,) = raw.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone() or (0,)
        if not alone:
            return report
        oldest = {table: span[0] for table, span in partitions.attached(raw).items()}
        raw.isolation_level = IsolationLevel.REPEATABLE_READ
        raw.adapters.register_loader(_INT8_ARRAY, fold.ArrayLoader)
        with days.folding([s.kind for s in STAGES if s.source == "tm_span"], raw) as steady:
            for stage in STAGES:
                while done := _run(raw, stage, now, oldest, steady, report):
                    report.buckets += done
                    if time.monotonic() > deadline:
                        report.finished = False
                        return report
    return report


def _run(
    raw: "psycopg.Connection[Any]", stage: Stage, now: datetime, oldest: dict[str, datetime],
    steady: days.Days, report: Rolled,
) -> int:  # fmt: skip
    """One transaction of a stage; how many buckets it settled."""
    with raw.transaction(), raw.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT DISTINCT bucket FROM tm_dirty WHERE kind = %s AND bucket <= %s"
            " AND (%s OR date_bin('1 day', bucket, %s) = ANY(%s)) ORDER BY bucket LIMIT %s",
            [
                stage.kind, now - stage.width - stage.settle, stage.source != "tm_span", _EPOCH,
                list(steady.free), stage.at_once,
            ],
        )  # fmt: skip
        buckets = [row[0] for row in cursor.fetchall()]
        if not buckets:
            return 0
        # A bucket older than its rollup's retention has nowhere to go.
        wanted = [b for b in buckets if b >= oldest[stage.target]]
        if wanted:
            report.rows += _folded(cursor, stage, wanted, oldest, steady)
            if stage.marks:
                cursor.execute(
                    "INSERT INTO tm_dirty (kind, bucket)"
                    " SELECT DISTINCT %s::int2, date_bin(%s, b, %s)"
                    " FROM unnest(%s::timestamptz[]) b",
                    [stage.marks, _WIDTHS[stage.marks], _EPOCH, wanted],
                )
        cursor.execute(
            "DELETE FROM tm_dirty WHERE kind = %s AND bucket = ANY(%s)", [stage.kind, buckets]
        )
        return len(buckets)


_Spans = list[tuple[datetime, datetime]]


def _folded(
    cursor: "psycopg.Cursor[Any]", stage: Stage, wanted: list[datetime],
    oldest: dict[str, datetime], steady: days.Days,
) -> int:  # fmt: skip
    """Fold these buckets; how many rows were written."""
    added: list[datetime] = []
    if stage.source == "tm_span":
        wanted, added = steady.split(wanted)
    written = 0
    if wanted:
        spans = merged((b, b + stage.width) for b in wanted)
        written = _fold_of(stage)(cursor, stage, spans)
        if stage.source == "tm_hist" and "tm_exemplar" in oldest:
            exemplars.choose(cursor, spans, oldest["tm_exemplar"])
    # Whom callers asked in a day that was replaced stays as it was folded.
    if added and stage.kind != edges.AGAIN:
        add = red.add if stage.target == "tm_red_1m" else edges.add
        spans = merged((b, b + stage.width) for b in added)
        written += add(cursor, stage.target, spans, stage.width, _EPOCH)
    return written


def _fold_of(stage: Stage) -> "Callable[[psycopg.Cursor[Any], Stage, _Spans], int]":
    if stage.target.startswith("tm_red"):
        return _operations
    if stage.target.startswith("tm_edge"):
        return _calls
    return _samples if stage.source.startswith("tm_sample") else _histograms


def _operations(cursor: "psycopg.Cursor[Any]", stage: Stage, spans: _Spans) -> int:
    return red.roll(cursor, stage.source, stage.target, spans, stage.width, _EPOCH)


def _calls(cursor: "psycopg.Cursor[Any]", stage: Stage, spans: _Spans) -> int:
    written = edges.roll(cursor, stage.source, stage.target, spans, stage.width, _EPOCH)
    if stage.kind == 6:
        edges.mark_later(cursor, spans, stage.width, _EPOCH, datetime.now(UTC))
        # This fold was the one more that others asked for.
        cursor.execute(
            sql.SQL("DELETE FROM tm_dirty WHERE kind = {} AND {}").format(
                sql.Literal(edges.AGAIN), between("bucket", spans)
            )
        )
    return written


_SAMPLE_COLUMNS: Final = fold.PARTIAL.replace(" ", "").split(",")
_HIST_COLUMNS: Final = fold.ROLLUP_COLUMNS.replace(" ", "").split(",")


def _upsert(table: str, columns: Sequence[str], rows: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "INSERT INTO {} ({}) {} ON CONFLICT (series_id, bucket) DO UPDATE SET {}"
    ).format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        rows,
        sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns[2:]
        ),
    )


def _samples(
    cursor: "psycopg.Cursor[Any]", stage: Stage, spans: list[tuple[datetime, datetime]]
) -> int:
    key = "ts" if stage.from_points else "bucket"
    partials = sql.SQL("SELECT {} FROM {} WHERE {} {}").format(
        sql.SQL(fold.POINT if stage.from_points else fold.PARTIAL),
        sql.Identifier(stage.source),
        between(key, spans),
        sql.SQL("AND value IS NOT NULL" if stage.from_points else ""),
    )
    step = sql.SQL("date_bin({}, bucket, {})").format(sql.Literal(stage.width), sql.Literal(_EPOCH))
    cursor.execute(
        _upsert(stage.target, _SAMPLE_COLUMNS, fold.fold_sql(partials, step, local=True))
    )
    return cursor.rowcount


def _histograms(
    cursor: "psycopg.Cursor[Any]", stage: Stage, spans: list[tuple[datetime, datetime]]
) -> int:
    groups: dict[tuple[int, datetime], list[fold.HistPartial]] = {}
    for partial in _hist_partials(cursor, stage, spans):
        bucket = partial.bucket - (partial.bucket - _EPOCH) % stage.width
        groups.setdefault((partial.series_id, bucket), []).append(partial)
    rows = []
    for (series_id, bucket), partials in sorted(groups.items(), key=lambda group: group[0]):
        try:
            rows.append(fold.rollup_row(fold.fold(partials, bucket)))
        except (ArithmeticError, TypeError, ValueError):
            # One histogram that cannot be folded must not keep all others from being rolled up.
            logger.exception("series %s is not rolled up at %s", series_id, bucket)
    values = sql.SQL("VALUES ({})").format(
        sql.SQL(", ").join(sql.Placeholder() for _ in _HIST_COLUMNS)
    )
    if rows:
        cursor.executemany(_upsert(stage.target, _HIST_COLUMNS, values), rows)
    return len(rows)


def _hist_partials(
    cursor: "psycopg.Cursor[Any]", stage: Stage, spans: list[tuple[datetime, datetime]]
) -> list[fold.HistPartial]:
    """What the spans hold, each series in order of time."""
    if not stage.from_points:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY series_id, bucket").format(
                sql.SQL(fold.ROLLUP_COLUMNS), sql.Identifier(stage.source), between("bucket", spans)
            )
        )
        return [fold.from_rollup_row(row) for row in cursor]
    cursor.execute(
        "SELECT s.id FROM tm_series s JOIN tm_metric m ON m.id = s.metric_id"
        " WHERE m.kind = 3 AND m.temporality = %s",
        [Temporality.CUMULATIVE],
    )
    cumulative = {row[0] for row in cursor.fetchall()}
    cursor.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY series_id, ts, n").format(
            sql.SQL(fold.POINT_COLUMNS), sql.Identifier(stage.source), between("ts", spans)
        )
    )
    return [fold.from_point_row(row, cumulative=row[0] in cumulative) for row in cursor]
