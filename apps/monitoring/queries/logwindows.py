"""The windows of a search that an index may answer.

A day that has not ended has its index by finished hours (`store.sealing`), and PostgreSQL uses one
of those only for a range within its hour. So windows over such days end at full hours.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring.queries import walk
from apps.monitoring.queries.logfilter import LogFilter

_FIRST: Final = timedelta(seconds=30)
_HOUR: Final = timedelta(hours=1)
_AHEAD: Final = timedelta(hours=2)
_WIDEN: Final = 6
# A word of every hundredth line should not be sought in a month of them at once.
_WIDEST: Final = timedelta(hours=36)
# Until then a day that has just ended may still be without its whole index.
_SEALING: Final = timedelta(hours=3)


def of(wanted: LogFilter) -> Callable[[TimeRange], Iterator[TimeRange]]:
    """The windows for what is asked."""
    if wanted.trace_id:
        # Few lines, all in one index: looking for them once is cheapest.
        return lambda time_range: iter((time_range,))
    return windows if wanted.text or wanted.fields else walk.widening


def windows(time_range: TimeRange, now: datetime | None = None) -> Iterator[TimeRange]:
    """The range, newest first: half a minute, some minutes, then hours and then days at a time."""
    now = now or datetime.now(UTC)
    young = (now - _SEALING).replace(hour=0, minute=0, second=0, microsecond=0)
    end, width = time_range.end, _FIRST
    # The intake takes nothing beyond it, so what lies there is one window, however much it is.
    ahead = max(time_range.start, now + _AHEAD)
    if end > ahead:
        yield TimeRange(ahead, end)
        end = ahead
    while end > time_range.start:
        start = end - width
        if end > young:
            hour = end.replace(minute=0, second=0, microsecond=0)
            start = max(start, young, hour if hour < end else end - _HOUR)
        start = max(time_range.start, start)
        yield TimeRange(start, end)
        end, width = start, min(width * _WIDEN, _WIDEST)
