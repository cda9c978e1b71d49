"""Giving a full partition up for something smaller, while readers and writers go on.

The long part (reading the partition) holds no lock. A trigger notes every row that arrives
meanwhile, from exactly the moment the reader's snapshot was taken. The short part is one
transaction: detach, add the noted rows to what takes the partition's place, attach that. Killed at
any point, the store has the old partition or the new one; leftovers are removed by the next try.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel, sql

from apps.monitoring.store import connect

Connection = psycopg.Connection[Any]
_TRIGGER: Final = sql.Identifier("tm_capture_late")
# A partition is read once, by a worker nobody waits for.
_READ_TIMEOUT_S: Final = 1800.0
# Readers queue behind whoever waits for this lock.
LOCK_TIMEOUT: Final = "SET lock_timeout = '1s'"


@dataclass(frozen=True)
class Capture:
    """A partition being copied.

    `reader` is inside a transaction whose snapshot holds every row from before the trigger;
    `late` is the table of those after it.
    """

    partition: str
    reader: Connection
    late: str


def staged_name(partition: str) -> str:
    """The table that is built to take the partition's place."""
    return f"{partition}_new"


@contextmanager
def capture(
    raw: Connection, partition: str, ready: Callable[[], None] = lambda: None
) -> Iterator[Capture]:
    """Note what arrives in the partition until it is replaced or given up.

    `raw` is in autocommit. `ready` is called while nobody writes, and raises when the partition
    must stay as it is. Raises psycopg.Error, such as LockNotAvailable for a busy partition.
    """
    raw.execute(LOCK_TIMEOUT)
    clear(raw, partition)
    late = f"{partition}_late"
    with connect.open_connection("pharos-keep", _READ_TIMEOUT_S) as reader:
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            _begin(raw, reader, partition, late, ready)
            yield Capture(partition, reader, late)
        finally:
            reader.close()
            with contextlib.suppress(psycopg.Error):
                clear(raw, partition)


def _begin(
    raw: Connection, reader: Connection, partition: str, late: str, ready: Callable[[], None]
) -> None:
    names = {"child": sql.Identifier(partition), "late": sql.Identifier(late)}
    raw.execute(sql.SQL("CREATE TABLE {late} (LIKE {child} INCLUDING DEFAULTS)").format(**names))
    with raw.transaction():
        # No writer is inside the partition from here to the commit, so the snapshot taken in
        # between and the trigger divide its rows without a gap and without an overlap.
        raw.execute(sql.SQL("LOCK TABLE {child} IN SHARE ROW EXCLUSIVE MODE").format(**names))
        ready()
        reader.execute("SELECT 1")
        raw.execute(
            sql.SQL(
                "CREATE TRIGGER {trigger} AFTER INSERT ON {child}"
                " FOR EACH ROW EXECUTE FUNCTION tm_capture({name})"
            ).format(**names, trigger=_TRIGGER, name=sql.Literal(late))
        )


def clear(raw: Connection, partition: str) -> None:
    """Remove what an attempt that was killed, or given up, has left."""
    found = raw.execute(
        "SELECT to_regclass(%s) IS NOT NULL AND EXISTS (SELECT FROM pg_trigger"
        " WHERE tgname = 'tm_capture_late' AND tgrelid = to_regclass(%s))",
        [partition, partition],
    ).fetchone()
    if found and found[0]:
        raw.execute(sql.SQL("DROP TRIGGER {} ON {}").format(_TRIGGER, sql.Identifier(partition)))
    for name in (f"{partition}_late", staged_name(partition)):
        raw.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))


def replace(
    raw: Connection, parent: str, taken: Capture, then: Callable[[Connection], None]
) -> None:
    """In one short transaction: the partition is gone, and `then` puts what replaces it there.

    `then` finds the rows that came late in `taken.late`; the partition's name is free.
    Raises psycopg.Error; then nothing changed.
    """
    taken.reader.commit()
    old = f"{taken.partition}_old"
    names = {
        "parent": sql.Identifier(parent), "child": sql.Identifier(taken.partition),
        "old": sql.Identifier(old), "late": sql.Identifier(taken.late),
    }  # fmt: skip
    with raw.transaction():
        raw.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {child}").format(**names))
        raw.execute(sql.SQL("ALTER TABLE {child} RENAME TO {old}").format(**names))
        then(raw)
        raw.execute(sql.SQL("DROP TABLE {old}, {late}").format(**names))


def columns(raw: Connection, table: str) -> list[str]:
    """The table's columns in their order."""
    rows = raw.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        [table],
    )
    return [name for (name,) in rows]
