"""The partitioned tables: creating what is due, dropping what has expired."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from apps.monitoring.store import connect

logger = logging.getLogger(__name__)

AHEAD: Final = timedelta(hours=48)
# What arrives late, up to two days, still finds its partition.
BACK: Final = timedelta(days=2)
# So long after its time a partition waits for its rollups.
PATIENCE: Final = timedelta(days=3)
_LOCK_KEY: Final = 0x7061_7274  # "part"


@dataclass(frozen=True)
class Partitioned:
    """One partitioned table: its step ("day" or "month") and its key in PHAROS_RETENTION_HOURS."""

    table: str
    step: str
    retention: str

    def floor(self, moment: datetime) -> datetime:
        """The start of the partition that holds `moment`."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day.replace(day=1) if self.step == "month" else day

    def after(self, start: datetime) -> datetime:
        """The end of the partition that begins at `start`."""
        if self.step == "day":
            return start + timedelta(days=1)
        return (start + timedelta(days=32)).replace(day=1)

    def name(self, start: datetime) -> str:
        suffix = f"{start:%Y%m}" if self.step == "month" else f"{start:%Y%m%d}"
        return f"{self.table}_p{suffix}"

    def start_of(self, name: str) -> datetime | None:
        """The start of the partition called `name`; None when it is not one of ours."""
        prefix, _, suffix = name.rpartition("_p")
        pattern = "%Y%m" if self.step == "month" else "%Y%m%d"
        if prefix != self.table:
            return None
        try:
            return datetime.strptime(suffix, pattern).replace(tzinfo=UTC)
        except ValueError:
            return None

    def keep(self) -> timedelta:
        return timedelta(hours=settings.PHAROS_RETENTION_HOURS[self.retention])


TABLES: Final = (
    Partitioned("tm_sample", "day", "samples"),
    Partitioned("tm_hist", "day", "samples"),
    Partitioned("tm_span", "day", "spans"),
    Partitioned("tm_log", "day", "logs"),
    Partitioned("tm_sample_1m", "day", "minutes"),
    Partitioned("tm_hist_1m", "day", "minutes"),
    Partitioned("tm_log_1m", "day", "minutes"),
    Partitioned("tm_log_template_1m", "day", "minutes"),
    Partitioned("tm_sample_1h", "month", "hours"),
    Partitioned("tm_hist_1h", "month", "hours"),
    Partitioned("tm_sample_1d", "month", "days"),
    Partitioned("tm_hist_1d", "month", "days"),
    Partitioned("tm_exemplar", "day", "minutes"),
    Partitioned("tm_red_1m", "day", "minutes"),
    Partitioned("tm_red_1h", "month", "hours"),
    Partitioned("tm_red_1d", "month", "days"),
    Partitioned("tm_edge_1m", "day", "minutes"),
    Partitioned("tm_edge_1h", "month", "hours"),
)
# The raw rows behind each dirty kind; a partition with rows not yet rolled up must stay.
_ROLLED: Final = {
    "tm_sample": (1,), "tm_hist": (2,), "tm_sample_1m": (3,), "tm_hist_1m": (4,),
    "tm_sample_1h": (11,), "tm_hist_1h": (12,), "tm_span": (5, 6, 18, 8), "tm_log": (7,),
    "tm_red_1m": (15,), "tm_red_1h": (16,), "tm_edge_1m": (17,),
}  # fmt: skip
# Their days end in other ways: `keeping`.
_TIERED: Final = ("tm_span", "tm_log")


@dataclass
class Dropped:
    """What `drop_expired` did: partitions gone, and those left for a later run with the reason."""

    dropped: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def due(table: Partitioned, now: datetime) -> list[datetime]:
    """The starts of the partitions that must exist at `now`, oldest first."""
    start, starts = table.floor(now - BACK), []
    while start <= now + AHEAD:
        starts.append(start)
        start = table.after(start)
    return starts


_EXISTING: Final = (
    "SELECT p.relname, c.relname FROM pg_class p LEFT JOIN pg_inherits i ON i.inhparent = p.oid"
    " LEFT JOIN pg_class c ON c.oid = i.inhrelid WHERE p.relkind = 'p' AND p.relname = ANY(%s)"
    " AND pg_table_is_visible(p.oid)"
)


def existing(raw: "psycopg.Connection[Any] | None" = None) -> dict[str, set[str]]:
    """The attached partitions of every registered table that exists, by table.

    Read over `raw`, else over Django's connection.
    """
    names = [table.table for table in TABLES]
    if raw is not None:
        rows = raw.execute(_EXISTING, [names]).fetchall()
    else:
        with connection.cursor() as cursor:
            cursor.execute(_EXISTING, [names])
            rows = cursor.fetchall()
    found: dict[str, set[str]] = {}
    for parent, child in rows:
        found.setdefault(parent, set()).update({child} if child else ())
    return found


def attached(raw: "psycopg.Connection[Any]") -> dict[str, tuple[datetime, datetime]]:
    """What times each table takes without a gap: back from its newest partition's end.

    Old days of which something is pinned may stand alone behind a gap.
    """
    spans = {}
    found = existing(raw)
    for table in TABLES:
        starts = {s for name in found.get(table.table, ()) if (s := table.start_of(name))}
        if not starts:
            continue
        low = max(starts)
        for start in sorted(starts, reverse=True):
            if table.after(start) == low:
                low = start
        spans[table.table] = (low, table.after(max(starts)))
    return spans


def missing(
    now: datetime, raw: "psycopg.Connection[Any] | None" = None
) -> dict[Partitioned, list[datetime]]:
    """The partitions due at `now` that do not exist."""
    found = existing(raw)
    wanted = {
        table: [s for s in due(table, now) if table.name(s) not in found[table.table]]
        for table in TABLES
        if table.table in found
    }
    return {table: starts for table, starts in wanted.items() if starts}


def ensure(now: datetime | None = None) -> list[str]:
    """Create every partition due at `now`; returns the names made. Safe to run concurrently."""
    now = now or datetime.now(UTC)
    with _alone() as raw:
        wanted = [(t, start) for t, starts in missing(now, raw).items() for start in starts]
        for table, start in wanted:
            _create(raw, table, start)
    return [table.name(start) for table, start in wanted]


def _create(raw: "psycopg.Connection[Any]", table: Partitioned, start: datetime) -> None:
    # ATTACH takes a lock that lets readers and writers go on; CREATE … PARTITION OF does not.
    names = {"parent": sql.Identifier(table.table), "child": sql.Identifier(table.name(start))}
    with raw.transaction():
        raw.execute(
            sql.SQL(
                "CREATE TABLE {child} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
                " INCLUDING INDEXES INCLUDING STORAGE)"
            ).format(**names)
        )
        raw.execute(
            sql.SQL(
                "ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({lo}) TO ({hi})"
            ).format(
                **names,
                lo=sql.Literal(start.isoformat()),
                hi=sql.Literal(table.after(start).isoformat()),
            )
        )


def drop_expired(now: datetime | None = None) -> Dropped:
    """Detach and drop every partition whose last instant is past its retention.

    Those of spans and log records are not among them: `keeping` moves them on.

    Readers and writers go on meanwhile. A partition that cannot be locked soon, or whose rows are
    not rolled up yet, is left for the next run and named with the reason.
    """
    now = now or datetime.now(UTC)
    report = Dropped()
    with _alone() as raw:
        for table in TABLES:
            if table.table in _TIERED:
                continue
            for name, state in children(raw, table):
                start = table.start_of(name)
                if start is None or table.after(start) > now - table.keep():
                    continue
                if waits(raw, table, start, table.after(start) + table.keep(), now):
                    report.left[name] = "its rows are not rolled up yet"
                    continue
                try:
                    drop(raw, table, name, state)
                except psycopg.Error as error:
                    report.left[name] = str(error).strip()
                    logger.warning("partition %s stays for now: %s", name, error)
                else:
                    report.dropped.append(name)
    return report


def children(raw: "psycopg.Connection[Any]", table: Partitioned) -> list[tuple[str, str]]:
    """(name, state) of the table's partitions; state is attached, pending or detached."""
    rows = raw.execute(
        "SELECT c.relname, CASE WHEN i.inhparent IS NULL THEN 'detached'"
        " WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END"
        " FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relname LIKE %s AND pg_table_is_visible(c.oid)"
        " ORDER BY c.relname",
        [table.table.replace("_", r"\_") + r"\_p%"],
    )
    return [(name, state) for name, state in rows if table.start_of(name)]


def behind(raw: "psycopg.Connection[Any]", table: Partitioned, start: datetime) -> bool:
    """Whether the rollups have not seen all rows of a partition yet."""
    kinds = _ROLLED.get(table.table, ())
    row = raw.execute(
        "SELECT 1 FROM tm_dirty WHERE kind = ANY(%s) AND bucket >= %s AND bucket < %s LIMIT 1",
        [list(kinds), start, table.after(start)],
    ).fetchone()
    return row is not None


def waits(
    raw: "psycopg.Connection[Any]", table: Partitioned, start: datetime, due: datetime,
    now: datetime,
) -> bool:  # fmt: skip
    """Whether a partition must stay, though its time ended at `due`, until its rows are rolled up.

    Some days later it need not: a rollup that is stuck must not fill the disk.
    """
    if not behind(raw, table, start):
        return False
    if now < due + PATIENCE:
        return True
    logger.warning("%s goes though not all its rows are rolled up", table.name(start))
    return False


def drop(raw: "psycopg.Connection[Any]", table: Partitioned, name: str, state: str) -> None:
    """Detach a partition in the given state (`children`) and drop it. Raises psycopg.Error."""
    names = {"parent": sql.Identifier(table.table), "child": sql.Identifier(name)}
    # A run that died half-way leaves its partition pending or detached: take up from there.
    how = {"attached": "CONCURRENTLY", "pending": "FINALIZE"}.get(state)
    if how:
        raw.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {child} " + how).format(**names))
    raw.execute(sql.SQL("DROP TABLE {child}").format(**names))


@contextmanager
def _alone() -> Iterator["psycopg.Connection[Any]"]:
    """A connection that holds the partition lock of this database until it closes."""
    with connect.open_connection("pharos-partitions", 20, autocommit=True) as raw:
        raw.execute("SELECT pg_advisory_lock(%s)", [_LOCK_KEY])
        # Never queue readers behind a lock that has to wait.
        raw.execute("SET lock_timeout = '2s'")
        yield raw
