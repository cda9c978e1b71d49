"""Which series a query means, and into which groups their labels put them."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from django.db import connection
from psycopg import sql

from apps.monitoring.queries import filters
from apps.monitoring.queries.filters import Filter
from apps.monitoring.store import fold
from apps.monitoring.store.rows import Kind, Temporality

MOST_SERIES: Final = 5000
_TIMEOUT_MS: Final = 5000
_INT8_ARRAY: Final = 1016  # the oid of int8[]
_IDLE: Final = psycopg.pq.TransactionStatus.IDLE
# Longer than the pause between two live ticks.
_REMEMBER_S: Final = 5.0
_MOST_REMEMBERED: Final = 512
# Writers refresh last_seen every ten minutes.
_SEEN_SLACK: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Selected:
    """The series of one query: parallel lists of ids, groups and whether each is cumulative."""

    unit: str
    kind: Kind
    monotonic: bool
    labels: list[dict[str, str]]
    ids: list[int]
    groups: list[int]
    cumulative: list[bool]


@contextmanager
def reader() -> Iterator["psycopg.Cursor[Any]"]:
    """A binary cursor on Django's connection with a short statement timeout.

    Errors are Django's own database errors.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw = connection.connection
        with _bounded(raw), psycopg.Cursor(raw) as cursor:
            cursor.format = psycopg.pq.Format.BINARY
            cursor.adapters.register_loader(_INT8_ARRAY, fold.ArrayLoader)
            yield cursor


@contextmanager
def patterns() -> Iterator[None]:
    """Inside, a pattern PostgreSQL cannot read is the asker's mistake: InvalidInputError."""
    try:
        yield
    except psycopg.errors.InvalidRegularExpression:
        raise filters.not_a_pattern() from None


class Sitting:
    """Several queries for one page: what they read is kept, and the timeout is set once."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}
        self.raw: psycopg.Connection[Any] | None = None


sitting: ContextVar[Sitting | None] = ContextVar("pharos_sitting", default=None)


@contextmanager
def sit() -> Iterator[None]:
    """Queries inside belong to one sitting of this thread."""
    own = Sitting()
    token = sitting.set(own)
    try:
        yield
    finally:
        sitting.reset(token)
        raw = own.raw
        if raw is not None and not raw.closed and raw.info.transaction_status == _IDLE:
            with connection.wrap_database_errors:
                raw.execute("RESET statement_timeout")


@contextmanager
def _bounded(raw: "psycopg.Connection[Any]") -> Iterator[None]:
    own = sitting.get()
    if own is None or raw.info.transaction_status != _IDLE:
        with raw.transaction():
            raw.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
            yield
        return
    # A transaction for each query would triple its round trips.
    if own.raw is not raw:
        raw.execute(f"SET statement_timeout = {_TIMEOUT_MS}")
        own.raw = raw
    yield


_known: dict[Any, tuple[float, Selected]] = {}
_lock = threading.Lock()


def select(
    cursor: "psycopg.Cursor[Any]",
    metric: str,
    scope: Mapping[str, str],
    by: tuple[str, ...],
    seen_since: datetime,
    where: tuple[Filter, ...] = (),
    most: int = MOST_SERIES,
) -> Selected | None:
    """The series of `metric` in `scope` that were alive since, at most `most`; None: there are none.

    Raises InvalidInputError for a pattern that is none.

    The answer is remembered for five seconds: a page asks for the same series again and again.
    """
    database = connection.settings_dict["NAME"]
    # A minute's precision lets sliding ranges share one answer.
    since = seen_since.replace(second=0, microsecond=0) - _SEEN_SLACK
    key = (database, metric, tuple(sorted(scope.items())), by, since, where, most)
    now = time.monotonic()
    with _lock:
        found = _known.get(key)
    if found is not None and now - found[0] < _REMEMBER_S:
        return found[1]
    conditions = [*_in_scope(scope), *(one.condition() for one in where)]
    with patterns():
        selected = _read(cursor, metric, conditions, by, since, most)
    if selected is not None:
        with _lock:
            if len(_known) >= _MOST_REMEMBERED:
                _known.clear()
            _known[key] = (now, selected)
    return selected


def forget() -> None:
    """Drop what is remembered."""
    with _lock:
        _known.clear()


def _in_scope(scope: Mapping[str, str]) -> list[sql.Composed]:
    return [
        sql.SQL(
            f"starts_with({filters.VALUE}, {{1}})" if wanted.endswith("*")
            else f"{filters.VALUE} = {{1}}"
        ).format(sql.Literal(name), sql.Literal(wanted.removesuffix("*")))
        for name, wanted in scope.items()
    ]  # fmt: skip


def _read(
    cursor: "psycopg.Cursor[Any]",
    metric: str,
    conditions: Sequence[sql.Composed],
    by: tuple[str, ...],
    since: datetime,
    most: int,
) -> Selected | None:
    labels = sql.SQL(", ").join(
        sql.SQL(f"coalesce({filters.VALUE}, '')").format(sql.Literal(name)) for name in by
    )
    cursor.execute(
        sql.SQL(
            "SELECT s.id, m.unit, m.kind, m.temporality, m.monotonic, ARRAY[{}]::text[]"
            " FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id"
            " JOIN tm_resource r ON r.id = s.resource_id"
            " WHERE {} ORDER BY s.last_seen DESC, s.id LIMIT {}"
        ).format(
            labels,
            sql.SQL(" AND ").join(
                [
                    sql.SQL("m.name = {} AND s.last_seen >= {}").format(
                        sql.Literal(metric), sql.Literal(since)
                    ),
                    *conditions,
                ]
            ),
            sql.Literal(most),
        )
    )
    rows = cursor.fetchall()
    if not rows:
        return None
    # A histogram says more than a number of the same name; mixed kinds cannot share a chart.
    kind = max(row[2] for row in rows)
    rows = [row for row in rows if row[2] == kind]
    groups: dict[tuple[str, ...], int] = {}
    numbers = [groups.setdefault(tuple(row[5]), len(groups)) for row in rows]
    return Selected(
        unit=rows[0][1],
        kind=Kind(kind),
        monotonic=all(row[4] for row in rows),
        labels=[dict(zip(by, names, strict=True)) for names in groups],
        ids=[row[0] for row in rows],
        groups=numbers,
        cumulative=[row[3] == Temporality.CUMULATIVE for row in rows],
    )
