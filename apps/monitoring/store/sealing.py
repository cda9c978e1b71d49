"""Indexes that would cost the intake too much: built once nobody writes there any more.

A partition whose range has ended gets its whole index. A large one that has not ended gets one for
each finished hour, so that a word of this morning is not sought row by row; those go when the whole
one stands. Everything is built CONCURRENTLY: readers and late writers go on meanwhile.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.store import connect, partitions
from apps.monitoring.store.partitions import Partitioned

logger = logging.getLogger(__name__)

# What arrives late mostly arrives within minutes; what comes after is indexed as it comes.
SETTLE: Final = timedelta(minutes=15)
# Below it a scan of the day takes less than half a second.
LARGE_BYTES: Final = 256 * 1024 * 1024
_LOCK_KEY: Final = 0x7365_616C  # "seal"
_BUILD_S: Final = 3600
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Index:
    """One kind of late index: its table, the end of its name, and what it is on."""

    table: str
    suffix: str
    on: str
    extension: str = ""


INDEXES: Final = (
    Index("tm_log", "body", "gin (body gin_trgm_ops)", "pg_trgm"),
    Index("tm_log", "attrs", "gin (attrs jsonb_path_ops)"),
    Index("tm_span", "attrs", "gin (attrs jsonb_path_ops)"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One index that should be there; `hours` is its range where it is not the whole partition."""

    name: str
    partition: str
    on: str
    hours: tuple[datetime, datetime] | None = None


@dataclass
class Sealed:
    """What one run did; `left` names what could not be built, with the reason."""

    built: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    finished: bool = True


def seal(now: datetime | None = None, budget_s: float = 300.0) -> Sealed:
    """Build what is due, the oldest first, and begin nothing new after `budget_s` seconds.

    Only one sealer works at a time; a second one returns at once.
    """
    now = now or datetime.now(UTC)
    deadline = time.monotonic() + budget_s
    report = Sealed()
    with connect.open_connection("pharos-sealer", _BUILD_S, autocommit=True) as raw:
        (alone,) = raw.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone() or (0,)
        if not alone:
            return report
        raw.execute("SET maintenance_work_mem = '256MB'")
        # Waiting for others' transactions, which nobody waits behind.
        raw.execute("SET lock_timeout = '60s'")
        there = _there(raw)
        usable = [index for index in INDEXES if _extension(raw, index, report)]
        for wanted in _wanted(raw, usable, now):
            if there.get(wanted.name):
                continue
            if time.monotonic() > deadline:
                report.finished = False
                return report
            _build(raw, wanted, report, broken=wanted.name in there)
        _tidy(raw, report)
    if report.built or report.dropped:
        logger.info("late indexes built: %s; dropped: %s", report.built, report.dropped)
    return report


def _extension(raw: "psycopg.Connection[Any]", index: Index, report: Sealed) -> bool:
    if not index.extension:
        return True
    try:
        raw.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(index.extension))
        )
    except psycopg.Error as error:
        # Without it searches are slower, not wrong.
        report.left[f"{index.table}_{index.suffix}"] = str(error).strip()
        return False
    return True


def _there(raw: "psycopg.Connection[Any]") -> dict[str, bool]:
    """The late indexes there are, and whether each is whole."""
    rows = raw.execute(
        "SELECT c.relname, x.indisvalid FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid"
        r" WHERE c.relname ~ '^tm_(log|span)_p[0-9]{8}(_h[0-9]{2})?_(body|attrs)$'"
        " AND pg_table_is_visible(c.oid)"
    )
    return dict(rows.fetchall())


def _wanted(
    raw: "psycopg.Connection[Any]", indexes: list[Index], now: datetime
) -> Iterator[Wanted]:
    found = partitions.existing(raw)
    for table in partitions.TABLES:
        on = [index for index in indexes if index.table == table.table]
        for name in sorted(found.get(table.table, ())) if on else ():
            start = table.start_of(name)
            if start is None or start + SETTLE > now:
                continue
            if table.after(start) + SETTLE <= now:
                yield from (Wanted(f"{name}_{index.suffix}", name, index.on) for index in on)
            elif _large(raw, name):
                yield from _by_hour(table, name, start, on, now)


def _by_hour(
    table: Partitioned, name: str, start: datetime, on: list[Index], now: datetime
) -> Iterator[Wanted]:
    hour = start
    while hour + _HOUR + SETTLE <= now and hour < table.after(start):
        for index in on:
            called = f"{name}_h{hour:%H}_{index.suffix}"
            yield Wanted(called, name, index.on, (hour, hour + _HOUR))
        hour += _HOUR


def _large(raw: "psycopg.Connection[Any]", name: str) -> bool:
    size = raw.execute("SELECT pg_relation_size(to_regclass(%s))", [name]).fetchone()
    return bool(size and size[0] and size[0] >= LARGE_BYTES)


def _build(raw: "psycopg.Connection[Any]", wanted: Wanted, report: Sealed, *, broken: bool) -> None:
    names = {"index": sql.Identifier(wanted.name), "table": sql.Identifier(wanted.partition)}
    where: sql.Composable = sql.SQL("")
    if wanted.hours:
        low, high = (sql.Literal(moment.isoformat()) for moment in wanted.hours)
        where = sql.SQL(" WHERE ts >= {} AND ts < {}").format(low, high)
    try:
        if broken:
            # A build that was cut short leaves one that is kept up and never read.
            raw.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {index}").format(**names))
        raw.execute(
            sql.SQL("CREATE INDEX CONCURRENTLY {index} ON {table} USING ").format(**names)
            + sql.SQL(wanted.on)
            + where
        )
        if wanted.on == INDEXES[-1].on:
            # The last one of its table. What the planner knows of a day so young is old.
            how = "ANALYZE" if wanted.hours else "VACUUM (ANALYZE, FREEZE)"
            raw.execute(sql.SQL(how + " {table}").format(**names))
    except psycopg.Error as error:
        report.left[wanted.name] = str(error).strip()
        logger.warning("index %s is left for a later run: %s", wanted.name, error)
    else:
        report.built.append(wanted.name)


def _tidy(raw: "psycopg.Connection[Any]", report: Sealed) -> None:
    """Drop indexes of hours whose partition has its whole one."""
    there = _there(raw)
    for name in sorted(there):
        partition, _, rest = name.partition("_h")
        whole = f"{partition}_{rest[3:]}"
        if rest and there.get(whole):
            try:
                raw.execute(
                    sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))
                )
            except psycopg.Error as error:
                report.left[name] = str(error).strip()
            else:
                report.dropped.append(name)
