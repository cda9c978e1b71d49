"""Days of spans after their hot time: the traces of interest stay, the rest goes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.store import days, interest, partitions, swap
from apps.monitoring.store.interest import ONLY_HELD, Held, Interest

logger = logging.getLogger(__name__)

SPANS: Final = next(table for table in partitions.TABLES if table.table == "tm_span")
# Whoever pins a trace again a day before its pin ends still finds it.
_LOOK_AGAIN: Final = timedelta(days=1)
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Plan:
    """How one run treats the days of spans that are over.

    `interest` None: no policy is on, all spans live for the same time.
    """

    interest: Interest | None
    policy: str
    hot: timedelta
    keep: timedelta
    held: tuple[Held, ...] = ()


class BehindError(Exception):
    """A day whose spans the rollups have not all seen."""


@dataclass(frozen=True)
class Thinned:
    """What became of one partition."""

    partition: str
    spans_before: int
    spans_after: int
    traces_before: int
    traces_after: int


def due(raw: Connection, plan: Plan, now: datetime) -> list[tuple[str, datetime]]:
    """Name and start of each partition whose hot time is over and that nobody thinned, oldest
    first."""
    if plan.interest is None:
        return []
    done = {name for (name,) in raw.execute("SELECT partition FROM tm_thinned")}
    return [
        (name, start)
        for name, start in _attached(raw)
        if name not in done and SPANS.after(start) <= now - plan.hot and not _empty(raw, name)
    ]


def _empty(raw: Connection, name: str) -> bool:
    found = raw.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name)))
    return found.fetchone() is None


def expired(raw: Connection, plan: Plan, now: datetime) -> list[tuple[str, datetime]]:
    """Name and start of each partition whose time is over, oldest first."""
    return [(name, start) for name, start in _attached(raw) if _ends(raw, plan, name, start) <= now]


def _ends(raw: Connection, plan: Plan, name: str, start: datetime) -> datetime:
    """When the time of a partition is over."""
    row = raw.execute("SELECT keep_until FROM tm_thinned WHERE partition = %s", [name]).fetchone()
    # A day that waits to be thinned must not go before it was.
    unthinned = SPANS.keep() if plan.interest is None else max(plan.keep, SPANS.keep())
    until: datetime = row[0] if row else SPANS.after(start) + unthinned
    return until


def _attached(raw: Connection) -> list[tuple[str, datetime]]:
    names = partitions.existing(raw).get("tm_span", set())
    return sorted(
        ((name, start) for name in names if (start := SPANS.start_of(name)) is not None),
        key=lambda found: found[1],
    )


def thin(raw: Connection, name: str, start: datetime, plan: Plan, now: datetime) -> Thinned:
    """Replace a partition by one with what `plan.interest` keeps of it.

    Raises psycopg.Error and BehindError; then the old one is in its place as before.
    """
    assert plan.interest is not None
    keep_until, due_at = SPANS.after(start) + plan.keep, SPANS.after(start) + plan.hot
    with days.alone(raw, start):
        return _replace(raw, name, start, plan, now, plan.interest, keep_until, due_at)


def release(raw: Connection, name: str, start: datetime, plan: Plan, now: datetime) -> Thinned:
    """Let an expired partition go, but for what is pinned or held.

    Raises psycopg.Error and BehindError.
    """
    due_at = _ends(raw, plan, name, start)
    with days.alone(raw, start):
        if _anything_held(raw, start, plan, now):
            until = now + _LOOK_AGAIN
            return _replace(raw, name, start, plan, now, ONLY_HELD, until, due_at)
        _ready(raw, start, due_at, now)
        raw.execute(swap.LOCK_TIMEOUT)
        partitions.drop(raw, SPANS, name, "attached")
        raw.execute("DELETE FROM tm_thinned WHERE partition = %s", [name])
        return Thinned(name, 0, 0, 0, 0)


def _ready(raw: Connection, start: datetime, due_at: datetime, now: datetime) -> None:
    if partitions.waits(raw, SPANS, start, due_at, now):
        raise BehindError("its rows are not rolled up yet")


def _anything_held(raw: Connection, start: datetime, plan: Plan, now: datetime) -> bool:
    low, high = start - interest.REACH, SPANS.after(start) + interest.REACH
    if any(hold.start < high and hold.end > low for hold in plan.held):
        return True
    found = raw.execute(
        "SELECT 1 FROM tm_pin WHERE until > %s AND ts >= %s AND ts < %s LIMIT 1", [now, low, high]
    )
    return found.fetchone() is not None


def _replace(
    raw: Connection, name: str, start: datetime, plan: Plan, now: datetime, wanted: Interest,
    keep_until: datetime, due_at: datetime,
) -> Thinned:  # fmt: skip
    # What was judged before is judged once more when its time is over.
    end, again = SPANS.after(start), wanted is ONLY_HELD
    with swap.capture(raw, name, lambda: _ready(raw, start, due_at, now)) as taken:
        with taken.reader.cursor() as cursor:
            interest.judge(cursor, start, end, wanted, now=now, held=plan.held, again=again)
            done = Thinned(name, *_counts(cursor))
            if again and done.spans_after == done.spans_before and _replaced(raw, name):
                # All of it is pinned or held: nothing to do until some of it is not. The first
                # time it is replaced all the same: what has a note holds judged rows only.
                _note(raw, done, start, keep_until, plan, now)
                return done
            operations = _new_operations(cursor, end)
            _build(cursor, name, start, end)

        # Reading took its time; the new table is there for others to see from here on.
        taken.reader.commit()
        _still_true(raw, name, start, plan, now)

        def attach(swapped: Connection) -> None:
            _note(swapped, done, start, keep_until, plan, now)
            _remember(swapped, operations)
            _attach(swapped, taken, start, end)

        swap.replace(raw, "tm_span", taken, attach)
    logger.info(
        "spans of %s: kept %s of %s, %s of %s traces", name, done.spans_after, done.spans_before,
        done.traces_after, done.traces_before,
    )  # fmt: skip
    return done


_UNKEPT: Final = """
SELECT 1 FROM tm_pin p WHERE p.until > %(now)s AND p.ts >= %(low)s AND p.ts < %(high)s
  AND EXISTS (SELECT FROM {old} s WHERE s.trace_id = p.trace_id)
  AND NOT EXISTS (SELECT FROM {new} s WHERE s.trace_id = p.trace_id) LIMIT 1
"""


def _still_true(raw: Connection, name: str, start: datetime, plan: Plan, now: datetime) -> None:
    """Raise SerializationFailure when somebody held or pinned something meanwhile.

    Then all stays as it is, and the next run judges anew.
    """
    held = {
        Held(*row)
        for row in raw.execute(
            'SELECT service, start, "end" FROM monitoring_legalhold WHERE active'
        )
    }
    if not held <= set(plan.held):
        raise psycopg.errors.SerializationFailure("a legal hold was set meanwhile")
    names = {"old": sql.Identifier(name), "new": sql.Identifier(swap.staged_name(name))}
    asked = {
        "now": now, "low": start - interest.REACH, "high": SPANS.after(start) + interest.REACH,
    }  # fmt: skip
    if raw.execute(sql.SQL(_UNKEPT).format(**names), asked).fetchone():
        raise psycopg.errors.SerializationFailure("a trace was pinned meanwhile")


def _replaced(raw: Connection, name: str) -> bool:
    found = raw.execute("SELECT 1 FROM tm_thinned WHERE partition = %s", [name])
    return found.fetchone() is not None


def _counts(cursor: "psycopg.Cursor[Any]") -> Sequence[int]:
    cursor.execute(
        "SELECT coalesce(sum(spans), 0)::int8,"
        " coalesce(sum(spans) FILTER (WHERE weight IS NOT NULL), 0)::int8,"
        " count(*), count(weight) FROM verdict"
    )
    row = cursor.fetchone()
    return row or (0, 0, 0, 0)


def _build(cursor: "psycopg.Cursor[Any]", name: str, start: datetime, end: datetime) -> None:
    """The table of kept rows, in the reader's transaction."""
    names = {"new": sql.Identifier(swap.staged_name(name)), "old": sql.Identifier(name)}
    bounds = {"lo": sql.Literal(start.isoformat()), "hi": sql.Literal(end.isoformat())}
    cursor.execute(
        # With the check, attaching needs no look at the rows.
        sql.SQL(
            "CREATE TABLE {new} (LIKE tm_span INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
            " INCLUDING INDEXES INCLUDING STORAGE, CHECK (ts >= {lo} AND ts < {hi}))"
        ).format(**names, **bounds)
    )
    plain = [c for c in swap.columns(cursor.connection, name) if c not in ("weight", "kept")]
    cursor.execute(
        sql.SQL(
            "INSERT INTO {new} ({columns}, weight, kept) SELECT {read}, v.weight, v.kept"
            " FROM {old} s JOIN verdict v ON v.trace_id = s.trace_id AND v.weight IS NOT NULL"
        ).format(
            **names,
            columns=sql.SQL(", ").join(map(sql.Identifier, plain)),
            read=sql.SQL(", ").join(sql.Identifier("s", column) for column in plain),
        )
    )
    cursor.execute(sql.SQL("ANALYZE {new}").format(**names))


def _attach(raw: Connection, taken: swap.Capture, start: datetime, end: datetime) -> None:
    names = {
        "new": sql.Identifier(swap.staged_name(taken.partition)),
        "name": sql.Identifier(taken.partition), "late": sql.Identifier(taken.late),
        "lo": sql.Literal(start.isoformat()), "hi": sql.Literal(end.isoformat()),
        "columns": sql.SQL(", ").join(map(sql.Identifier, swap.columns(raw, taken.late))),
    }  # fmt: skip
    for statement in (
        "INSERT INTO {new} ({columns}) SELECT {columns} FROM {late}",
        "ALTER TABLE {new} RENAME TO {name}",
        "ALTER TABLE tm_span ATTACH PARTITION {name} FOR VALUES FROM ({lo}) TO ({hi})",
    ):
        raw.execute(sql.SQL(statement).format(**names))


Operation = tuple[str, int, datetime]


def _new_operations(cursor: "psycopg.Cursor[Any]", end: datetime) -> list[Operation]:
    """(service, name id, first time) of those first seen before `end`."""
    cursor.execute(
        "SELECT service, name_id, ts FROM new_operation WHERE ts < %s ORDER BY 1, 2", [end]
    )
    return cursor.fetchall()


def _remember(raw: Connection, operations: Sequence[Operation]) -> None:
    raw.execute(
        "INSERT INTO tm_operation (service, name_id, first_seen)"
        " SELECT * FROM unnest(%s::text[], %s::int[], %s::timestamptz[]) ON CONFLICT DO NOTHING",
        [list(column) for column in zip(*operations, strict=True)] or [[], [], []],
    )


def _note(
    raw: Connection, done: Thinned, start: datetime, keep_until: datetime, plan: Plan, now: datetime
) -> None:
    """What the Retention page tells of the day. The old table has another name by now."""
    raw.execute(
        "INSERT INTO tm_thinned AS t (partition, lower, upper, at, keep_until, policy,"
        " spans_before, spans_after, traces_before, traces_after, bytes_before, bytes_after)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, size.before,"
        " coalesce(pg_total_relation_size(to_regclass(%s)), size.before)"
        " FROM (SELECT pg_total_relation_size("
        "   coalesce(to_regclass(%s), to_regclass(%s))) AS before) AS size"
        " ON CONFLICT (partition) DO UPDATE SET keep_until = excluded.keep_until,"
        " spans_after = excluded.spans_after, traces_after = excluded.traces_after,"
        " bytes_after = excluded.bytes_after",
        [
            done.partition, start, SPANS.after(start), now, keep_until, plan.policy,
            done.spans_before, done.spans_after, done.traces_before, done.traces_after,
            swap.staged_name(done.partition), f"{done.partition}_old", done.partition,
        ],
    )  # fmt: skip
