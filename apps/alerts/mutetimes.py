"""Recurring wall times as half-open spans of instants: no clock, no database.

A wall time that does not exist (clocks go forward) means the first instant after the gap, one that
exists twice (clocks go back) the first of the two. So a window has one beginning and one end, and
lasts an hour less or more on such a day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays as calendars

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class HolidayRule(StrEnum):
    """What a holiday is to a window of certain weekdays."""

    IGNORED = "ignored"
    ALSO = "also"
    NEVER = "never"


@dataclass(frozen=True)
class Weekly:
    """Windows that begin on some days at a wall time. No times: the whole day."""

    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset()
    from_time: time | None = None
    until_time: time | None = None
    first_day: date | None = None
    last_day: date | None = None
    country: str = ""
    holidays: HolidayRule = HolidayRule.IGNORED

    def end_of(self, at: datetime) -> datetime | None:
        """When the window around `at` ends, in UTC; None: `at` is in none.

        Windows that touch are one, as far as a week ahead.
        """
        end = self._end_at(at)
        for _ in range(8):
            further = self._end_at(end) if end is not None else None
            if further is None:
                break
            end = further
        return end

    def begins_after(self, at: datetime) -> datetime | None:
        """When the next window begins, in UTC; None: not within a year."""
        day = at.astimezone(self.zone).date() - _DAY
        for _ in range(367):
            if self._counts(day):
                start, _end = self._span(day)
                if start > at:
                    return start
            day += _DAY
        return None

    def _end_at(self, at: datetime) -> datetime | None:
        for start, end in self._around(at):
            if start <= at < end:
                return end
        return None

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = at.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            if self._counts(day):
                yield self._span(day)

    def _counts(self, day: date) -> bool:
        if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
            return False
        fits = not self.weekdays or day.weekday() in self.weekdays
        if self.holidays is HolidayRule.IGNORED or not is_holiday(self.country, day):
            return fits
        return self.holidays is HolidayRule.ALSO

    def _span(self, day: date) -> tuple[datetime, datetime]:
        start = self.from_time or time()
        end = self.until_time or time()
        last = day + _DAY if end <= start else day
        return instant(day, start, self.zone), instant(last, end, self.zone)


def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks of the zone show this time or have passed it; in UTC."""
    naive = datetime.combine(day, wall)
    early = naive.replace(tzinfo=zone).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == naive:
        return early
    # In a gap: the clocks jumped between the two readings; find where, to the second.
    before, after = naive.replace(tzinfo=zone, fold=1).astimezone(UTC), early
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def is_holiday(country: str, day: date) -> bool:
    """Whether `country` (`KR`, `DE-BY`; empty: none) rests on this day."""
    return bool(country) and day in _days_of(country, day.year)


def unknown_country(country: str) -> bool:
    """Whether no holidays are known of it."""
    try:
        _days_of(country, 2025)
    except (NotImplementedError, KeyError):
        return True
    return False


@lru_cache(maxsize=128)
def _days_of(country: str, year: int) -> frozenset[date]:
    name, _, part = country.partition("-")
    return frozenset(calendars.country_holidays(name, subdiv=part or None, years=year))
