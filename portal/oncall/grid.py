"""A schedule drawn: the days of a month or week in a zone, and a strip of each layer. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apps.alerts.oncall.intervals import Interval, Shift, gaps
from apps.alerts.oncall.walltime import midnight

_DAY: Final = timedelta(days=1)
_COLOURS: Final = 8
STRIP: Final = 1000.0


@dataclass(frozen=True)
class Part:
    """A shift within one day. `start` and `end` are wall times; a whole day says none."""

    person: str
    colour: int
    source: str
    start: str
    end: str


@dataclass(frozen=True)
class Day:
    """One cell. `hours`: how long the day is in its zone."""

    day: date
    parts: list[Part]
    inside: bool
    today: bool
    hours: float


@dataclass(frozen=True)
class Bar:
    """One shift on a strip, in a thousand parts of the range."""

    x: float
    width: float
    person: str
    colour: int
    told: str


@dataclass(frozen=True)
class Strip:
    """One layer, or the resolved line."""

    name: str
    bars: list[Bar]
    resolved: bool = False


class Drawing:
    """Draws shifts; `names` are the people's. Who is not in it has no account any more."""

    def __init__(self, zone: ZoneInfo, names: Mapping[int, str], now: datetime) -> None:
        self.zone, self.names, self.now = zone, names, now
        ranked = sorted(names, key=lambda pk: names[pk])
        self.colours = {pk: index % _COLOURS for index, pk in enumerate(ranked)}

    def days(self, first: date, last: date, shifts: Sequence[Shift], month: int = 0) -> list[Day]:
        """Every day from first to last; with a month, those outside of it are marked."""
        today = self.now.astimezone(self.zone).date()
        found = []
        for number in range((last - first).days + 1):
            day = first + number * _DAY
            start, end = midnight(day, self.zone), midnight(day + _DAY, self.zone)
            found.append(
                Day(
                    day, self._parts(start, end, shifts), not month or day.month == month,
                    day == today, (end - start) / timedelta(hours=1),
                )
            )  # fmt: skip
        return found

    def strip(
        self, name: str, shifts: Sequence[Shift], whole: Interval, *, resolved: bool = False
    ) -> Strip:
        """The shifts over the whole range; the resolved line also shows where nobody is."""
        bars = [self._bar(one, whole, self.names.get(one.person, "")) for one in shifts]
        if resolved:
            manned = [one for one in shifts if one.person in self.names]
            empty = gaps(manned, whole.start, whole.end)
            bars += [self._bar(Shift(gap.start, gap.end, 0, ""), whole, "") for gap in empty]
        return Strip(name, sorted(bars, key=lambda bar: bar.x), resolved)

    def _parts(self, start: datetime, end: datetime, shifts: Sequence[Shift]) -> list[Part]:
        inside = [one for one in shifts if one.start < end and one.end > start]
        manned = [one for one in inside if one.person in self.names]
        empty = [Shift(gap.start, gap.end, 0, "") for gap in gaps(manned, start, end)]
        found = []
        for one in sorted([*manned, *empty], key=lambda shift: shift.start):
            whole = one.start <= start and one.end >= end
            found.append(
                Part(
                    self.names.get(one.person, ""), self.colours.get(one.person, -1), one.source,
                    "" if whole else self._clock(max(one.start, start)),
                    "" if whole else self._clock(min(one.end, end), end=True),
                )
            )  # fmt: skip
        return found

    def _bar(self, one: Shift, whole: Interval, name: str) -> Bar:
        start, end = max(one.start, whole.start), min(one.end, whole.end)
        length = whole.end - whole.start
        form = "%Y-%m-%d %H:%M"
        told = f"{start.astimezone(self.zone):{form}} – {end.astimezone(self.zone):{form}}"
        return Bar(
            round((start - whole.start) / length * STRIP, 2),
            round((end - start) / length * STRIP, 2),
            name, self.colours.get(one.person, -1), told,
        )  # fmt: skip

    def _clock(self, at: datetime, *, end: bool = False) -> str:
        shown = f"{at.astimezone(self.zone):%H:%M}"
        return "24:00" if end and shown == "00:00" else shown


def span(view: str, day: date) -> tuple[date, date]:
    """The first and last day of the weeks of a month, or of one week."""
    if view == "week":
        first = day - day.weekday() * _DAY
        return first, first + 6 * _DAY
    first = day.replace(day=1)
    last = (first + 31 * _DAY).replace(day=1) - _DAY
    return first - first.weekday() * _DAY, last + (6 - last.weekday()) * _DAY


def steps(view: str, day: date) -> tuple[date, date]:
    """A day of the stretch before, and one of the stretch after."""
    if view == "week":
        return day - 7 * _DAY, day + 7 * _DAY
    first = day.replace(day=1)
    return (first - _DAY).replace(day=1), (first + 31 * _DAY).replace(day=1)
