"""What the store keeps: by table, by day and tier, how large, and how large it will become."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings

from apps.monitoring.models import LegalHold, LogArchive, SamplingPolicy
from apps.monitoring.queries import keepforecast as forecast
from apps.monitoring.queries.keepforecast import Forecast, Part
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.store import logtiers, partitions
from apps.monitoring.store.partitions import Partitioned

_MOST_DAYS: Final = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the store. `keep_h` None: as the days of its tiers say."""

    table: str
    partitions: int
    first: datetime
    last: datetime
    rows: int
    size_bytes: int
    keep_h: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of spans or log lines and where it lies.

    `tier`: hot, kept (thinned by a policy or down to what is held), compressed, archived.
    `rows_before` is what the day had before it was thinned; `until` when it moves on.
    """

    signal: str
    day: date
    tier: str
    rows: int | None
    rows_before: int | None
    size_bytes: int
    until: datetime
    held: bool

    @property
    def end(self) -> date:
        """The day after."""
        return self.day + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """All of it, as of `at`."""

    at: datetime
    tables: list[Table]
    days: list[Day]
    forecasts: list[Forecast]
    holds: list[LegalHold]
    policies: list[SamplingPolicy]

    @property
    def sampling(self) -> SamplingPolicy | None:
        """The policy that is on."""
        return next((policy for policy in self.policies if policy.enabled), None)

    @property
    def database_bytes(self) -> int:
        """The telemetry tables."""
        return sum(table.size_bytes for table in self.tables)

    @property
    def archive_bytes(self) -> int:
        """The files of the archive."""
        return sum(day.size_bytes for day in self.days if day.tier == "archived")

    @property
    def steady_bytes(self) -> int | None:
        """What spans and log lines come to; None while unknown for both."""
        known = [one.steady_bytes for one in self.forecasts if one.steady_bytes is not None]
        return sum(known) if known else None


_PARTS: Final = """
SELECT p.relname, c.relname, c.reltuples::int8, pg_total_relation_size(c.oid)
FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid
WHERE p.relname = ANY(%s) AND pg_table_is_visible(p.oid)
"""
_THINNED: Final = (
    "SELECT partition, spans_before, spans_after, bytes_before, keep_until FROM tm_thinned"
)


def retention(now: datetime | None = None) -> Retention:
    """What is kept now. Raises UnavailableError when the sizes cannot be read in time."""
    now = now or datetime.now(UTC)
    parts = _parts()
    with bounded_cursor() as cursor:
        cursor.execute(_THINNED)
        thinned = {name: told for name, *told in cursor.fetchall()}
    holds = list(LegalHold.objects.filter(active=True)[:_MOST_DAYS])
    archived = list(LogArchive.objects.filter(deleted_at=None)[:_MOST_DAYS])
    policies = list(SamplingPolicy.objects.all()[:100])
    policy = next((one for one in policies if one.enabled), None)
    # Days ahead are empty and only say that there are partitions.
    begun = [part for part in parts if part.start <= now]
    days = [*_spans(begun, thinned, holds, policy), *_logs(begun, archived, holds)]
    days.sort(key=lambda day: (day.day, day.signal, day.tier), reverse=True)
    forecasts = [
        forecast.spans(parts, thinned, policy, now), forecast.logs(parts, archived, now)
    ]  # fmt: skip
    return Retention(now, _tables(parts), days, forecasts, holds, policies)


def _registered() -> tuple[Partitioned, ...]:
    return (*partitions.TABLES, logtiers.BLOCKS)


def _parts() -> list[Part]:
    by_name = {table.table: table for table in _registered()}
    with bounded_cursor() as cursor:
        cursor.execute(_PARTS, [list(by_name)])
        rows = cursor.fetchall()
    found = []
    for parent, name, tuples, size in rows:
        table = by_name[parent]
        start = table.start_of(name)
        if start is not None:
            # -1: nobody has counted yet.
            found.append(
                Part(parent, start, table.after(start), None if tuples < 0 else tuples, size)
            )
    return sorted(found, key=lambda part: (part.table, part.start))


def _tables(parts: list[Part]) -> list[Table]:
    tiered = {"tm_span", "tm_log", "tm_log_block"}
    tables = []
    for table in _registered():
        own = [part for part in parts if part.table == table.table]
        if own:
            keep_h = None if table.table in tiered else round(table.keep().total_seconds() / 3600)
            tables.append(
                Table(
                    table.table, len(own), own[0].start, own[-1].end,
                    sum(part.rows or 0 for part in own), sum(part.size_bytes for part in own),
                    keep_h,
                )
            )  # fmt: skip
    return tables


def _held(holds: list[LegalHold], start: datetime) -> bool:
    return any(hold.start < start + timedelta(days=1) and hold.end > start for hold in holds)


def _spans(
    parts: list[Part], thinned: dict[str, list[Any]], holds: list[LegalHold],
    policy: SamplingPolicy | None,
) -> list[Day]:  # fmt: skip
    hot = timedelta(hours=policy.hot_h if policy else settings.PHAROS_RETENTION_HOURS["spans"])
    table = next(one for one in partitions.TABLES if one.table == "tm_span")
    days = []
    for part in parts:
        if part.table != "tm_span":
            continue
        told = thinned.get(table.name(part.start))
        days.append(
            Day(
                "spans", part.start.date(), "kept" if told else "hot",
                told[1] if told else part.rows, told[0] if told else None, part.size_bytes,
                told[3] if told else part.end + hot, _held(holds, part.start),
            )
        )  # fmt: skip
    return days


def _logs(parts: list[Part], archived: list[LogArchive], holds: list[LegalHold]) -> list[Day]:
    hot_until = timedelta(hours=settings.PHAROS_RETENTION_HOURS["logs"])
    until = {"tm_log": hot_until, "tm_log_block": timedelta(days=settings.PHAROS_LOG_ARCHIVE_DAYS)}
    lines = forecast.block_lines()
    restored = {one.day: one.restored_until for one in archived if one.restored_until}
    days = []
    for part in parts:
        if part.table not in until:
            continue
        cold, day = part.table == "tm_log_block", part.start.date()
        days.append(
            Day(
                "logs", day, "compressed" if cold else "hot",
                lines.get(part.start, 0) if cold else part.rows, None, part.size_bytes,
                restored.get(day) or part.end + until[part.table], _held(holds, part.start),
            )
        )  # fmt: skip
    for one in archived:
        start = datetime(one.day.year, one.day.month, one.day.day, tzinfo=UTC)
        gone = start + timedelta(days=settings.PHAROS_LOG_DELETE_DAYS + 1)
        days.append(
            Day(
                "logs", one.day, "archived", one.lines, None, one.size_bytes, gone,
                _held(holds, start),
            )
        )  # fmt: skip
    return days
