"""What spans and log lines cost: one day as it comes in, and all tiers once they are full."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from apps.monitoring.models import LogArchive, SamplingPolicy
from apps.monitoring.queries.walk import bounded_cursor
from apps.monitoring.store import partitions

# What a day costs is the mean of the last full days, as many as a week has.
_MEASURED_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Part:
    """One partition with its size; `rows` is PostgreSQL's estimate, None where it has none yet."""

    table: str
    start: datetime
    end: datetime
    rows: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes: of one day as it comes in, and of everything once nothing is younger than its tier.

    None where no full day has been measured yet.
    """

    signal: str
    day_bytes: int | None
    steady_bytes: int | None


def block_lines() -> dict[datetime, int]:
    """Lines of each compressed day."""
    with bounded_cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('day', start_ts AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', sum(n)::int8"
            " FROM tm_log_block GROUP BY 1"
        )
        return dict(cursor.fetchall())


def _mean(sizes: list[int]) -> float | None:
    return sum(sizes) / len(sizes) if sizes else None


def _full_days(parts: list[Part], table: str, now: datetime) -> list[Part]:
    """The last days that are over and not empty."""
    full = [p for p in parts if p.table == table and p.end <= now and p.rows]
    return full[-_MEASURED_DAYS:]


def spans(
    parts: list[Part], thinned: dict[str, list[Any]], policy: SamplingPolicy | None, now: datetime
) -> Forecast:
    """What spans cost, by the policy's share of the days thinned so far, or of its preview.

    `thinned` holds spans before and after, bytes before and the end of each thinned partition.
    """
    table = next(one for one in partitions.TABLES if one.table == "tm_span")
    sizes = []
    for part in _full_days(parts, "tm_span", now):
        told = thinned.get(table.name(part.start))
        sizes.append(told[2] if told else part.size_bytes)
    day = _mean(sizes)
    if day is None:
        return Forecast("spans", None, None)
    if policy is None:
        keep_days = settings.PHAROS_RETENTION_HOURS["spans"] / 24 + 1
        return Forecast("spans", round(day), round(day * keep_days))
    shares = [told[1] / told[0] for told in thinned.values() if told[0]]
    preview = policy.preview or {}
    if shares:
        share = sum(shares) / len(shares)
    elif preview.get("spans"):
        share = preview["kept_spans"] / preview["spans"]
    else:
        return Forecast("spans", round(day), None)
    hot_days = policy.hot_h / 24 + 1
    steady = day * hot_days + day * share * max(0.0, policy.keep_days - hot_days)
    return Forecast("spans", round(day), round(steady))


# Until a day of one's own has been compressed or archived: what `benchmarks.keep` measured.
_COMPRESSED_SHARE: Final = 0.25
_ARCHIVED_SHARE: Final = 0.25


def logs(parts: list[Part], archived: list[LogArchive], now: datetime) -> Forecast:
    """What log lines cost, by what lines took in each tier so far."""
    hot = _full_days(parts, "tm_log", now)
    day = _mean([part.size_bytes for part in hot])
    if day is None:
        return Forecast("logs", None, None)
    line = day / max(1.0, _mean([part.rows or 0 for part in hot]) or 1.0)
    compressed = _share(
        sum(p.size_bytes for p in parts if p.table == "tm_log_block"),
        sum(block_lines().values()), line, _COMPRESSED_SHARE,
    )  # fmt: skip
    filed = _share(
        sum(one.size_bytes for one in archived), sum(one.lines for one in archived), line,
        _ARCHIVED_SHARE,
    )  # fmt: skip
    hot_days = settings.PHAROS_RETENTION_HOURS["logs"] / 24 + 1
    cold_days = max(0.0, settings.PHAROS_LOG_ARCHIVE_DAYS + 1 - hot_days)
    file_days = settings.PHAROS_LOG_DELETE_DAYS - settings.PHAROS_LOG_ARCHIVE_DAYS
    steady = day * (hot_days + cold_days * compressed + file_days * filed)
    return Forecast("logs", round(day), round(steady))


def _share(size: int, lines: int, hot_line_bytes: float, otherwise: float) -> float:
    """What a line takes there, by what it takes hot."""
    return size / lines / hot_line_bytes if lines else otherwise
