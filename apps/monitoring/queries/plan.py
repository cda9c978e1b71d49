"""Where a range is read from: raw points, minutes, hours or days; which of them are behind."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connection

from apps.monitoring.store.ranges import Ranges, merged, without

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_POINTS: Final = 1500
_RAW_UP_TO: Final = timedelta(hours=6)
_MINUTES_UP_TO: Final = timedelta(days=7)
# One figure needs no step: beyond this its whole days are read as such.
_HOURS_UP_TO: Final = timedelta(days=31)
_REMEMBER_S: Final = 1.0
# Dirty kinds: points by minute, minutes by hour, hours by day; samples, then histograms.
DIRTY_POINTS: Final = {"sample": 1, "hist": 2}
DIRTY_MINUTES: Final = {"sample": 3, "hist": 4}
DIRTY_HOURS: Final = {"sample": 11, "hist": 12}


@dataclass(frozen=True)
class Plan:
    """Half-open ranges to read from each tier, and the steps they are folded into."""

    start: datetime
    end: datetime
    step: timedelta
    points: Ranges
    minutes: Ranges
    hours: Ranges
    days: Ranges = field(default_factory=list)

    @property
    def horizon(self) -> datetime:
        """The first moment that is read: from here a counter's life is known."""
        tiers = (self.points, self.minutes, self.hours, self.days)
        return min(span[0] for spans in tiers for span in spans)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last multiple of `step` (counted from 1970) at or before `moment`."""
    return moment - (moment - EPOCH) % step


def ceiling(moment: datetime, step: timedelta) -> datetime:
    """The first multiple of `step` at or after `moment`."""
    low = floor(moment, step)
    return low if low == moment else low + step


def choose(
    cursor: "psycopg.Cursor[Any]", family: str, start: datetime, end: datetime, step_s: int
) -> Plan:
    """The plan for a chart of [start, end) in steps of at least `step_s` seconds.

    `family` is "sample" or "hist". The step grows until at most 1500 points remain and until it
    is a whole number of the tier's buckets; both ends move outward to whole steps.
    """
    now = datetime.now(UTC)
    fewest_s = -(-(end - start) // timedelta(seconds=1) // (MOST_POINTS - 2))
    step = timedelta(seconds=max(1, step_s, fewest_s))
    raw_since = now - timedelta(hours=settings.PHAROS_RETENTION_HOURS["samples"])
    minutes_since = now - timedelta(hours=settings.PHAROS_RETENTION_HOURS["minutes"])
    hours_since = now - timedelta(hours=settings.PHAROS_RETENTION_HOURS["hours"])
    long = end - start > _MINUTES_UP_TO
    for tier, since in ((DAY, hours_since), (HOUR, minutes_since)):
        if start < since or (long and step >= tier):
            step = ceiling_of(step, tier)
            return _tiered(cursor, family, floor(start, step), ceiling(end, step), step, tier)
    if step % MINUTE and (end - start > _RAW_UP_TO or start < raw_since):
        step = ceiling_of(step, MINUTE)
    low, high = floor(start, step), ceiling(end, step)
    if step % MINUTE:
        return Plan(low, high, step, [(low - _lookback(step), high)], [], [])
    return _tiered(cursor, family, low, high, step, MINUTE)


def one_step(cursor: "psycopg.Cursor[Any]", family: str, start: datetime, end: datetime) -> Plan:
    """The plan for one figure over [start, end); exact up to six hours, else in whole minutes."""
    if end - start <= _RAW_UP_TO:
        step = end - start
        return Plan(start, end, step, [(start - _lookback(step), end)], [], [])
    low, high = floor(start, MINUTE), ceiling(end, MINUTE)
    tier = MINUTE
    if end - start > _MINUTES_UP_TO:
        low, tier = floor(start, HOUR), HOUR if end - start <= _HOURS_UP_TO else DAY
    return _tiered(cursor, family, low, high, high - low, tier)


def ceiling_of(step: timedelta, unit: timedelta) -> timedelta:
    """`step` rounded up to whole `unit`s."""
    return -(-step // unit) * unit


def _lookback(step: timedelta) -> timedelta:
    # Far enough to find the point before the first one of a source that reports each minute.
    return max(timedelta(minutes=5), min(step, HOUR))


def _tiered(
    cursor: "psycopg.Cursor[Any]", family: str, low: datetime, high: datetime, step: timedelta,
    tier: timedelta,
) -> Plan:  # fmt: skip
    """Rolled-up buckets of `tier` where they are current, the tiers below where they are not yet.

    Days need not begin where the range does: its ends are read as hours.
    """
    whole = tier == DAY and low == floor(low, DAY)
    start = floor(low - _lookback(step), tier if whole else min(tier, HOUR))
    behind = _dirty(cursor, DIRTY_POINTS[family], start, high, MINUTE)
    if tier == MINUTE:
        return Plan(low, high, step, behind, without([(start, high)], behind), [])
    late = _dirty(cursor, DIRTY_MINUTES[family], start, high, HOUR)
    late = _widened([*late, *behind], HOUR)
    minutes = without(late, behind)
    if tier == HOUR:
        return Plan(low, high, step, behind, minutes, without([(start, high)], late))
    days = [(start if whole else ceiling(low, DAY), floor(high, DAY))]
    stale = _dirty(cursor, DIRTY_HOURS[family], start, high, DAY)
    days = without(merged(days), _widened([*stale, *late], DAY))
    hours = without([(start, high)], merged([*days, *late]))
    return Plan(low, high, step, behind, minutes, hours, days)


def _widened(spans: Ranges, width: timedelta) -> Ranges:
    """The ranges out to whole buckets."""
    return merged((floor(low, width), ceiling(high, width)) for low, high in spans)


_known: dict[tuple[str, int], tuple[float, list[datetime]]] = {}
_lock = threading.Lock()


def _dirty(
    cursor: "psycopg.Cursor[Any]", kind: int, start: datetime, end: datetime, width: timedelta
) -> Ranges:
    """The dirty buckets in [start, end) as merged ranges.

    Buckets are remembered for a second; the newest two minutes always count as dirty, so points
    committed meanwhile show at once.
    """
    key = (connection.settings_dict["NAME"], kind)
    now = time.monotonic()
    with _lock:
        found = _known.get(key)
    if found is None or now - found[0] > _REMEMBER_S:
        cursor.execute("SELECT DISTINCT bucket FROM tm_dirty WHERE kind = %s", [kind])
        found = (now, [row[0] for row in cursor.fetchall()])
        with _lock:
            _known[key] = found
    recent = (floor(datetime.now(UTC), width) - 2 * MINUTE, ceiling(end, width))
    spans = [(bucket, bucket + width) for bucket in found[1] if start <= bucket < end]
    if recent[0] < recent[1]:
        spans.append((max(floor(recent[0], width), start), recent[1]))
    return merged(spans)


def forget() -> None:
    """Drop what is remembered."""
    with _lock:
        _known.clear()
