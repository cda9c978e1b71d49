"""PostgreSQL 14 to 18: its statistics views, on one connection of our own.

Autocommit, because inside a transaction the statistics views stand still.
"""

import os
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from apps.monitoring.collectors.base import Collector, Reading, gauge, total
from apps.monitoring.store import connect

BACKENDS: Final = gauge("postgresql.backends")
CONNECTIONS: Final = gauge("postgresql.connection.count", "{connection}")
CONNECTIONS_MOST: Final = gauge("postgresql.connection.max", "{connection}")
LONGEST: Final = gauge("postgresql.transaction.longest", "s")
LOCKS: Final = gauge("postgresql.database.locks", "{lock}")
LOCKS_WAITING: Final = gauge("postgresql.locks.waiting", "{lock}")
CHECKPOINTS: Final = total("postgresql.bgwriter.checkpoint.count", "{checkpoint}")
DELAY: Final = gauge("postgresql.replication.data_delay", "By")
LAG: Final = gauge("postgresql.wal.lag", "s")
SIZE: Final = gauge("postgresql.db_size", "By")
_OF_DATABASE: Final = (
    (total("postgresql.commits"), "xact_commit"),
    (total("postgresql.rollbacks"), "xact_rollback"),
    (total("postgresql.deadlocks", "{deadlock}"), "deadlocks"),
    (total("postgresql.blks_hit", "{blks_hit}"), "blks_hit"),
    (total("postgresql.blks_read", "{blks_read}"), "blks_read"),
    (total("postgresql.tup_returned", "{tup_returned}"), "tup_returned"),
    (total("postgresql.tup_fetched", "{tup_fetched}"), "tup_fetched"),
    (total("postgresql.tup_inserted", "{tup_inserted}"), "tup_inserted"),
    (total("postgresql.tup_updated", "{tup_updated}"), "tup_updated"),
    (total("postgresql.tup_deleted", "{tup_deleted}"), "tup_deleted"),
    (total("postgresql.temp_files", "{temp_file}"), "temp_files"),
    (total("postgresql.temp.io", "By"), "temp_bytes"),
)
_DATABASES: Final = (
    "SELECT datname, numbackends, "  # noqa: S608 (columns named above)
    + ", ".join(column for _, column in _OF_DATABASE)
    + " FROM pg_stat_database WHERE datname IS NOT NULL AND datname NOT LIKE 'template_'"
    " ORDER BY xact_commit DESC LIMIT 20"
)
_ACTIVITY: Final = (
    "SELECT coalesce(state, 'unknown'), count(*),"
    " max(extract(epoch FROM clock_timestamp() - xact_start))::float8"
    " FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " GROUP BY 1"
)
_LOCKS: Final = (
    "SELECT mode, count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted)"
    " FROM pg_locks WHERE pid <> pg_backend_pid() GROUP BY 1"
)
_SETTINGS: Final = (
    "SELECT current_setting('max_connections')::int, current_setting('server_version'),"
    " pg_is_in_recovery()"
)
_CHECKPOINTS: Final = "SELECT checkpoints_timed, checkpoints_req FROM pg_stat_bgwriter"
_CHECKPOINTS_17: Final = "SELECT num_timed, num_requested FROM pg_stat_checkpointer"
_REPLICAS: Final = (
    "SELECT coalesce(nullif(application_name, ''), 'unknown'),"
    " pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8,"
    " extract(epoch FROM write_lag)::float8, extract(epoch FROM flush_lag)::float8,"
    " extract(epoch FROM replay_lag)::float8 FROM pg_stat_replication ORDER BY 1 LIMIT 20"
)
_SIZES: Final = (
    "SELECT datname, CASE WHEN has_database_privilege(oid, 'CONNECT')"
    " THEN pg_database_size(oid) END FROM pg_database"
    " WHERE NOT datistemplate AND datallowconn ORDER BY oid LIMIT 20"
)
_STATEMENT_TIMEOUT_S: Final = 3.0
_open: dict[tuple[str, str], "psycopg.Connection[Any]"] = {}


def _after_fork() -> None:
    # Our parent's sessions: not closed, since closing would end them for the parent.
    _inherited.extend(_open.values())
    _open.clear()


_inherited: list["psycopg.Connection[Any]"] = []
os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class _Server(Collector):
    """A server and our session with it; `conninfo` empty means the portal's own database."""

    conninfo: str = field(default="", repr=False)

    @classmethod
    def configured(cls) -> "Iterable[_Server]":
        return [cls(target="default")]

    def connection(self) -> "psycopg.Connection[Any]":
        """The session of the last read, or a new one."""
        known = _open.get(self.key)
        if known is not None and not known.closed:
            return known
        if self.conninfo:
            made = psycopg.connect(
                self.conninfo, autocommit=True, connect_timeout=3,
                application_name="pharos-collector",
                options=f"-c statement_timeout={_STATEMENT_TIMEOUT_S * 1000:.0f}",
            )  # fmt: skip
        else:
            made = connect.open_connection(
                "pharos-collector", _STATEMENT_TIMEOUT_S, autocommit=True
            )
        _open[self.key] = made
        return made

    def read(self) -> Reading:
        connection = self.connection()
        try:
            with connection.cursor() as cursor:
                return self.query(cursor)
        except psycopg.Error:
            # The next run begins with a session that nothing is wrong with.
            _open.pop(self.key, None)
            connection.close()
            raise

    @abstractmethod
    def query(self, cursor: "psycopg.Cursor[Any]") -> Reading:
        """Read the figures."""


@dataclass(frozen=True)
class PostgreSQL(_Server, kind="postgresql"):
    """Activity, transactions, locks, checkpoints and replication."""

    interval_s: float = 10.0

    def query(self, cursor: "psycopg.Cursor[Any]") -> Reading:
        found = Reading()
        most, version, standby = _rows(cursor, _SETTINGS)[0]
        found.detail = f"PostgreSQL {version}"
        found.add(CONNECTIONS_MOST, most)
        for name, backends, *counts in _rows(cursor, _DATABASES):
            database = {"postgresql__database__name": str(name)}
            found.add(BACKENDS, backends, **database)
            for (metric, _), value in zip(_OF_DATABASE, counts, strict=True):
                found.add(metric, value, **database)
        _activity(found, _rows(cursor, _ACTIVITY))
        _locks(found, _rows(cursor, _LOCKS))
        newer = cursor.connection.info.server_version >= 170000
        timed, requested = _rows(cursor, _CHECKPOINTS_17 if newer else _CHECKPOINTS)[0]
        found.add(CHECKPOINTS, timed, type="scheduled")
        found.add(CHECKPOINTS, requested, type="requested")
        if not standby:
            _replicas(found, _rows(cursor, _REPLICAS))
        return found


@dataclass(frozen=True)
class PostgreSQLSize(_Server, kind="postgresql_size"):
    """Size of the databases: it asks the file system about every relation, so seldom."""

    interval_s: float = 60.0

    def query(self, cursor: "psycopg.Cursor[Any]") -> Reading:
        found = Reading()
        for name, size in _rows(cursor, _SIZES):
            found.add(SIZE, size, postgresql__database__name=str(name))
        return found


def _rows(cursor: "psycopg.Cursor[Any]", statement: str) -> Sequence[Any]:
    return cursor.execute(statement).fetchall()


def _activity(found: Reading, rows: Sequence[Any]) -> None:
    counted = {"active": 0, "idle": 0, "idle in transaction": 0}
    longest = 0.0
    for state, count, oldest_s in rows:
        counted[str(state)] = count
        longest = max(longest, oldest_s or 0.0)
    for state, count in counted.items():
        found.add(CONNECTIONS, count, postgresql__state=state)
    # The view was read, so no open transaction is a fact and not a gap.
    found.add(LONGEST, longest)


def _locks(found: Reading, rows: Sequence[Any]) -> None:
    for mode, held, _ in rows:
        found.add(LOCKS, held, mode=str(mode))
    found.add(LOCKS_WAITING, sum(waiting for _, _, waiting in rows))


def _replicas(found: Reading, rows: Sequence[Any]) -> None:
    for name, behind, write_s, flush_s, replay_s in rows:
        client = {"replication_client": str(name)}
        found.add(DELAY, behind, **client)
        for operation, lag_s in (("write", write_s), ("flush", flush_s), ("replay", replay_s)):
            found.add(LAG, lag_s, operation=operation, **client)
