"""Days of log lines on their way: hot partition, compressed blocks, file of the archive, gone.

Each step builds its result first and takes it into use in one short transaction; killed at any
point, the lines are in exactly one tier.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.store import logblocks, partitions, swap
from apps.monitoring.store.logblocks import Line
from apps.monitoring.store.partitions import Partitioned

logger = logging.getLogger(__name__)

LOGS: Final = next(table for table in partitions.TABLES if table.table == "tm_log")
# Made only as days are compressed, so not among the tables whose partitions are made ahead.
BLOCKS: Final = Partitioned("tm_log_block", "day", "logs")
_FETCH: Final = 5000
# Blocks of heap no partition has: places of lines that came while their day was compressed.
_LATE_PLACE: Final = 4_000_000_000
Connection = psycopg.Connection[Any]


def hot(raw: Connection) -> list[tuple[str, datetime]]:
    """Name and start of each hot day, oldest first."""
    return _days(raw, LOGS)


def compressed(raw: Connection) -> list[tuple[str, datetime]]:
    """Name and start of each compressed day, oldest first."""
    return _days(raw, BLOCKS)


def _days(raw: Connection, table: Partitioned) -> list[tuple[str, datetime]]:
    found = [
        (name, start)
        for name, state in partitions.children(raw, table)
        if state == "attached" and (start := table.start_of(name)) is not None
    ]
    return sorted(found, key=lambda day: day[1])


def _drop_empty(raw: Connection, name: str) -> bool:
    """Drop a day without lines; False when it has some."""
    select = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name))
    if raw.execute(select).fetchone():
        return False
    names = {"parent": sql.Identifier(LOGS.table), "child": sql.Identifier(name)}
    raw.execute(swap.LOCK_TIMEOUT)
    with raw.transaction():
        raw.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {child}").format(**names))
        # Now nobody can add a line, so this look counts.
        gone = raw.execute(select).fetchone() is None
        if not gone:
            raise psycopg.Rollback
        raw.execute(sql.SQL("DROP TABLE {child}").format(**names))
    return gone


def compress(raw: Connection, name: str, start: datetime) -> int:
    """Turn a hot day into blocks; how many lines it had. Raises psycopg.Error: then it is hot."""
    if _drop_empty(raw, name):
        return 0
    staged = swap.staged_name(name)
    with swap.capture(raw, name) as taken:
        create_blocks(taken.reader, staged, start)
        with taken.reader.cursor() as cursor:
            lines = read_lines(taken.reader, name)
            n, size = logblocks.store(cursor, staged, logblocks.blocks(lines))
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(staged)))

        def attach(swapped: Connection) -> None:
            with swapped.cursor() as cursor:
                late = read_lines(swapped, taken.late, _LATE_PLACE)
                logblocks.store(cursor, staged, logblocks.blocks(late))
            attach_blocks(swapped, staged, start)

        swap.replace(raw, "tm_log", taken, attach)
    logger.info("log lines of %s: %s compressed to %s bytes", name, n, size)
    return n


def create_blocks(raw: Connection, name: str, start: datetime) -> None:
    """A table of blocks of one day, not yet attached."""
    raw.execute(
        sql.SQL(
            "CREATE TABLE {} (LIKE tm_log_block INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
            " INCLUDING INDEXES INCLUDING STORAGE, CHECK (start_ts >= {} AND start_ts < {}))"
        ).format(
            sql.Identifier(name), sql.Literal(start.isoformat()),
            sql.Literal(BLOCKS.after(start).isoformat()),
        )
    )  # fmt: skip


def attach_blocks(raw: Connection, staged: str, start: datetime) -> None:
    """Let the staged blocks be those of the day, or be added to those it has."""
    names = {"staged": sql.Identifier(staged), "name": sql.Identifier(BLOCKS.name(start))}
    there = raw.execute("SELECT to_regclass(%s) IS NOT NULL", [BLOCKS.name(start)]).fetchone()
    if there and there[0]:
        raw.execute(sql.SQL("INSERT INTO {name} SELECT * FROM {staged}").format(**names))
        raw.execute(sql.SQL("DROP TABLE {staged}").format(**names))
        return
    raw.execute(sql.SQL("ALTER TABLE {staged} RENAME TO {name}").format(**names))
    raw.execute(
        sql.SQL(
            "ALTER TABLE tm_log_block ATTACH PARTITION {name} FOR VALUES FROM ({lo}) TO ({hi})"
        ).format(
            **names, lo=sql.Literal(start.isoformat()),
            hi=sql.Literal(BLOCKS.after(start).isoformat()),
        )
    )  # fmt: skip


def read_lines(raw: Connection, table: str, moved: int = 0) -> Iterator[tuple[str, Line]]:
    """(service, line) of a table like tm_log, by service and time.

    `moved` is added to the block of each place. Needs a transaction.
    """
    with raw.cursor(name="lines") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(
            sql.SQL(
                "SELECT r.service, {columns} FROM {table} l"
                " JOIN tm_resource r ON r.id = l.resource_id ORDER BY r.service, l.ts, l.ctid"
            ).format(columns=sql.SQL(logblocks.COLUMNS), table=sql.Identifier(table))
        )
        for service, *values in cursor:
            line = Line(*values)
            if moved:
                block, number = line.place.strip("()").split(",")
                line = line._replace(place=f"({int(block) + moved},{number})")
            yield service, line


def read_blocks(raw: Connection, name: str) -> Iterator[tuple[str, Line]]:
    """(service, line) of a compressed day, block by block. Needs a transaction."""
    with raw.cursor(name="blocks") as cursor:
        cursor.itersize = 4
        cursor.execute(
            sql.SQL("SELECT service, data FROM {} ORDER BY service, start_ts, id").format(
                sql.Identifier(name)
            )
        )
        for service, data in cursor:
            columns = logblocks.Columns(data)
            for at in range(len(columns)):
                yield service, columns.line(at)
