"""A layer of a schedule as plain values, and the shifts it yields. Pure.

A shift begins and ends at wall times of the layer's zone. Counting seconds instead would, for a
weekly rotation in New York, leave an hour to nobody every autumn and two people in it every spring.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, Self, TypeAlias
from zoneinfo import ZoneInfo

from apps.alerts.oncall.intervals import Interval, Shift, intersect, union, without
from apps.alerts.oncall.walltime import instant, midnight, wall_of

_DAY: Final = timedelta(days=1)
_WEEK: Final = frozenset(range(7))
# The public holidays of a year.
Holidays: TypeAlias = Callable[[int], frozenset[date]]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day on some weekdays; until its beginning or earlier means the next day."""

    days: frozenset[int]
    start: time
    until: time

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """From JSON. Raises ValueError, TypeError or KeyError for anything odd."""
        if unknown := set(told) - {"days", "from", "until"}:
            raise ValueError(f"unknown: {unknown}")
        days = frozenset(told.get("days", _WEEK))
        if not days or not days <= _WEEK or any(isinstance(day, bool) for day in days):
            raise ValueError("weekdays are 0 to 6")
        return cls(days, _time(told.get("from", "00:00")), _time(told.get("until", "00:00")))

    def on(self, day: date, zone: ZoneInfo) -> Interval | None:
        """Its stretch that begins on this day."""
        if day.weekday() not in self.days:
            return None
        last = day if self.until > self.start else day + _DAY
        start = instant(datetime.combine(day, self.start), zone)
        end = instant(datetime.combine(last, self.until), zone)
        return Interval(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Rotation:
    """One layer. `people` take turns; `period` counts in wall time."""

    name: str
    priority: int
    zone: ZoneInfo
    people: tuple[int, ...]
    first: datetime
    period: timedelta
    ends_on: date | None = None
    windows: tuple[Window, ...] = ()
    on_holidays: str = "as_ever"

    def shifts(self, start: datetime, end: datetime, holidays: Holidays | None) -> list[Shift]:
        """Its shifts within [start, end), in order."""
        if not self.people or end <= start:
            return []
        found = list(self._turns(start, end))
        if self.windows:
            found = intersect(found, self._windows(start, end))
        if self.on_holidays != "as_ever" and holidays is not None:
            free = _days(start, end, self.zone, holidays)
            cut = without if self.on_holidays == "off" else intersect
            found = cut(found, free)
        return found

    def _turns(self, start: datetime, end: datetime) -> Iterator[Shift]:
        # One turn early: clocks may have moved by hours since.
        elapsed = wall_of(start, self.zone) - self.first
        index = max(0, elapsed // self.period - 1)
        last = self._last()
        while True:
            begins = self._handoff(index)
            ends = self._handoff(index + 1)
            if begins >= end or (last is not None and begins >= last):
                return
            cut = ends if last is None else min(ends, last)
            if cut > start and begins < cut:
                person = self.people[index % len(self.people)]
                yield Shift(max(begins, start), min(cut, end), person, self.name)
            index += 1

    def _handoff(self, index: int) -> datetime:
        return instant(self.first + index * self.period, self.zone)

    def _last(self) -> datetime | None:
        if self.ends_on is None:
            return None
        return instant(datetime.combine(self.ends_on, self.first.time()), self.zone)

    def _windows(self, start: datetime, end: datetime) -> list[Interval]:
        day = wall_of(start, self.zone).date() - _DAY
        last = wall_of(end, self.zone).date()
        found: list[Interval] = []
        while day <= last:
            found += [one for window in self.windows if (one := window.on(day, self.zone))]
            day += _DAY
        return union(found)


def calendar_of(country: str) -> Holidays | None:
    """The public holidays of a country ("KR") or a part of one ("DE-BY"), by year."""
    return (lambda year: _holidays(country, year)) if country else None


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    # Slow to import, and most schedules have no holidays.
    import holidays

    land, _sep, part = country.partition("-")
    return frozenset(holidays.country_holidays(land, subdiv=part or None, years=year))


def _days(start: datetime, end: datetime, zone: ZoneInfo, holidays: Holidays) -> list[Interval]:
    day, last = wall_of(start, zone).date(), wall_of(end, zone).date()
    years = frozenset().union(*(holidays(year) for year in range(day.year, last.year + 1)))
    found: list[Interval] = []
    while day <= last:
        if day in years:
            found.append(Interval(midnight(day, zone), midnight(day + _DAY, zone)))
        day += _DAY
    return union(found)


def _time(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError("a wall time has no zone of its own")
    return found
