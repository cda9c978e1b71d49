"""Which rollups answer a range of RED: whole days, hours and minutes, and spans for the newest end.

A bucket is taken from its tier only where the tier is current; where it is not, from the one below.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from django.conf import settings

from apps.core.timerange import TimeRange
from apps.monitoring.store.ranges import Ranges, merged, without

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_STEPS: Final = 1500
# Kinds of tm_dirty: spans not in their minute yet, minutes not in their hour, hours not in their
# day.
_MINUTES, _HOURS, _DAYS = 5, 15, 16
# The roller follows within about a minute and a half; what is older comes with its next turn.
_FRESH: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Plan:
    """Half-open ranges to read from each tier, and the step they are folded into."""

    start: datetime
    end: datetime
    step: timedelta
    spans: Ranges
    minutes: Ranges
    hours: Ranges
    days: Ranges

    @property
    def tables(self) -> list[tuple[str, Ranges]]:
        """The rollups to read, with their ranges."""
        tiers = (
            ("tm_red_1m", self.minutes), ("tm_red_1h", self.hours), ("tm_red_1d", self.days),
        )  # fmt: skip
        return [(table, ranges) for table, ranges in tiers if ranges]

    @property
    def steps(self) -> list[datetime]:
        """The start of every step."""
        count = -(-(self.end - self.start) // self.step)
        return [self.start + i * self.step for i in range(count)]


def floor(moment: datetime, width: timedelta) -> datetime:
    """The last multiple of `width` since 1970 at or before `moment`."""
    return moment - (moment - EPOCH) % width


def ceiling(moment: datetime, width: timedelta) -> datetime:
    """The first multiple of `width` since 1970 at or after `moment`."""
    low = floor(moment, width)
    return low if low == moment else low + width


def whole(cursor: "psycopg.Cursor[Any]", time_range: TimeRange) -> Plan:
    """One step for the whole range, its ends moved outward to whole minutes (or longer buckets).

    Where minutes are kept no longer, hours are read, and days where those are gone too.
    """
    least = _least(time_range.start)
    low, high = floor(time_range.start, least), ceiling(time_range.end, least)
    return _tiered(cursor, low, high, high - low)


def steps(cursor: "psycopg.Cursor[Any]", time_range: TimeRange, step_s: int) -> Plan:
    """Steps of at least `step_s`: whole minutes, hours or days, at most 1500 of them."""
    fewest_s = -(-time_range.duration // timedelta(seconds=1) // (MOST_STEPS - 2))
    step = timedelta(seconds=max(60, step_s, fewest_s))
    unit = DAY if step >= DAY else HOUR if step >= HOUR else MINUTE
    unit = max(unit, _least(time_range.start))
    step = -(-step // unit) * unit
    return _tiered(cursor, floor(time_range.start, step), ceiling(time_range.end, step), step)


def _least(start: datetime) -> timedelta:
    """The width of the finest buckets still kept at `start`."""
    age = datetime.now(UTC) - start
    for tier, width in (("minutes", MINUTE), ("hours", HOUR)):
        if age < timedelta(hours=settings.PHAROS_RETENTION_HOURS[tier]):
            return width
    return DAY


def _tiered(cursor: "psycopg.Cursor[Any]", low: datetime, high: datetime, step: timedelta) -> Plan:
    # A step that is no whole number of an hour's buckets cannot be read from hours.
    dirty = _dirty(cursor, low, high)
    young = datetime.now(UTC) - _FRESH
    spans = merged((b, b + MINUTE) for b in dirty[_MINUTES] if b >= young)
    days = _current(low, high, step, DAY, [*dirty[_DAYS], *dirty[_HOURS], *dirty[_MINUTES]])
    left = without([(low, high)], days)
    hours = [
        part
        for a, b in left
        for part in _current(a, b, step, HOUR, [*dirty[_HOURS], *dirty[_MINUTES]])
    ]
    minutes = without(without(left, merged(hours)), spans)
    return Plan(low, high, step, spans, minutes, merged(hours), days)


def _current(
    low: datetime, high: datetime, step: timedelta, width: timedelta, dirty: list[datetime]
) -> Ranges:
    """The whole buckets of `width` in [low, high) that a tier holds and that are not behind."""
    if step < width or (step % width and step != high - low):
        return []
    first, last = ceiling(low, width), floor(min(high, datetime.now(UTC)), width)
    if first >= last:
        return []
    behind = merged((floor(b, width), floor(b, width) + width) for b in dirty)
    return without([(first, last)], behind)


def _dirty(
    cursor: "psycopg.Cursor[Any]", low: datetime, high: datetime
) -> dict[int, list[datetime]]:
    cursor.execute(
        "SELECT DISTINCT kind, bucket FROM tm_dirty WHERE kind = ANY(%s)"
        " AND bucket >= %s AND bucket < %s",
        [[_MINUTES, _HOURS, _DAYS], floor(low, DAY), high],
    )
    found: dict[int, list[datetime]] = {_MINUTES: [], _HOURS: [], _DAYS: []}
    for kind, bucket in cursor.fetchall():
        found[kind].append(bucket)
    return found
