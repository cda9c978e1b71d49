"""From wall times to instants, across every change of a zone's clocks. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks of `zone` show the naive `wall`.

    A time that happens twice means the first; one that is skipped means the first valid instant
    after it.
    """
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == wall:
        return early
    # Skipped: the clocks went forward between these two readings of it.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(before, early, zone)


def wall_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of `zone` show at an instant; naive."""
    return moment.astimezone(zone).replace(tzinfo=None)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day of `zone` begins. Some begin at 01:00."""
    return instant(datetime.combine(day, time()), zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant in (before, after] with the offset of `after`, to the second."""
    offset = after.astimezone(zone).utcoffset()
    low, high = before, after
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high
