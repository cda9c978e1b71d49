"""Days of spans: who replaces a day, and who folds its spans, never at the same time.

A day that was replaced by its kept rows (decision 0023) cannot be counted anew. What was folded
before stays, and rows that came since are only added: they have no weight yet, and a bit in `kept`
for each fold that has them, set in the transaction of the fold.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from apps.monitoring.store.ranges import between

# Bits of `kept` beyond those of `interest.Reason`.
IN_RED: Final = 128
IN_EDGES: Final = 256
_CLASS: Final = 0x6461_7973  # "days"
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
# Longer than one run of whoever folds.
_PATIENT: Final = "SET lock_timeout = '20s'"
Cursor = psycopg.Cursor[Any] | CursorWrapper


@dataclass(frozen=True)
class Days:
    """The days that stay as they are for now: whole ones, replaced ones, and those that are gone.

    Starts of days in `free`, of which `whole` hold every span and `replaced` kept ones.
    """

    free: frozenset[datetime]
    whole: frozenset[datetime]
    replaced: frozenset[datetime]

    def split(self, buckets: Iterable[datetime]) -> tuple[list[datetime], list[datetime]]:
        """(those to be folded anew, those to be added to). Of days that are gone nothing is."""
        anew, added = [], []
        for bucket in buckets:
            day = floor(bucket)
            if day in self.replaced:
                added.append(bucket)
            elif day in self.whole:
                anew.append(bucket)
        return anew, added


def floor(moment: datetime) -> datetime:
    """The start of the day (UTC)."""
    return moment - (moment - _FIRST) % _DAY


def _number(day: datetime) -> int:
    return (day - _FIRST).days


@contextmanager
def folding(kinds: Sequence[int], raw: "psycopg.Connection[Any] | None" = None) -> Iterator[Days]:
    """Keep the days that journal rows of these kinds name as they are, for whoever folds them.

    Locks of the session `raw` (in autocommit), else of Django's, so that each transaction inside
    has a snapshot of after them. Days that are being replaced are left out.
    """
    with raw.cursor() if raw is not None else connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT date_bin('1 day', bucket, %s) FROM tm_dirty WHERE kind = ANY(%s)",
            [_FIRST, list(kinds)],
        )
        asked = {_number(row[0]) for row in cursor.fetchall()}
        # A fold may ask for the next minute, across midnight.
        asked |= {number + 1 for number in asked}
        cursor.execute(
            "SELECT n FROM unnest(%s::int4[]) AS n WHERE pg_try_advisory_lock_shared(%s::int4, n)",
            [sorted(asked), _CLASS],
        )
        locked = [row[0] for row in cursor.fetchall()]
        try:
            yield _standing(cursor, locked)
        finally:
            cursor.execute(
                "SELECT pg_advisory_unlock_shared(%s::int4, n) FROM unnest(%s::int4[]) AS n",
                [_CLASS, locked],
            )


def _standing(cursor: Cursor, locked: Iterable[int]) -> Days:
    free = frozenset(_FIRST + number * _DAY for number in locked)
    cursor.execute(
        # A drop that was cut short has hidden its rows already.
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'tm_span'::regclass AND NOT i.inhdetachpending"
    )
    there = {row[0] for row in cursor.fetchall()}
    cursor.execute("SELECT partition FROM tm_thinned")
    thinned = {row[0] for row in cursor.fetchall()}
    standing = {day for day in free if f"tm_span_p{day:%Y%m%d}" in there}
    replaced = frozenset(day for day in standing if f"tm_span_p{day:%Y%m%d}" in thinned)
    return Days(free, frozenset(standing) - replaced, replaced)


@contextmanager
def alone(raw: "psycopg.Connection[Any]", day: datetime) -> Iterator[None]:
    """Have a day for oneself, to replace or drop it: nobody folds its spans meanwhile.

    A lock of the session `raw`, in autocommit. Raises LockNotAvailable.
    """
    raw.execute(_PATIENT)
    raw.execute("SELECT pg_advisory_lock(%s::int4, %s::int4)", [_CLASS, _number(day)])
    try:
        yield
    finally:
        if not raw.closed:
            raw.execute("SELECT pg_advisory_unlock(%s::int4, %s::int4)", [_CLASS, _number(day)])


def late(bit: int) -> sql.Composed:
    """AND …: spans that came since their day was replaced and are not in the fold of `bit` yet."""
    return sql.SQL("AND weight IS NULL AND coalesce(kept, 0) & {} = 0").format(sql.Literal(bit))


def mark(
    cursor: "psycopg.Cursor[Any]", bit: int, spans: Sequence[tuple[datetime, datetime]]
) -> None:
    """Note that the late spans of these ranges are in the fold of `bit`."""
    cursor.execute(
        sql.SQL("UPDATE tm_span SET kept = coalesce(kept, 0) | {} WHERE {} {}").format(
            sql.Literal(bit), between("ts", spans), late(bit)
        )
    )
