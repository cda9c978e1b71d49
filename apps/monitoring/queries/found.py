"""One page of a search, and where the next one begins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import walk
from apps.monitoring.queries.position import TICK, Place


class Mark(Protocol):
    """Where a search may go on: `position.Place`, or another order that no two rows share."""

    @property
    def ts(self) -> datetime:
        """A moment: the first value of the order."""
        ...

    @property
    def id(self) -> str:
        """Its name in addresses."""
        ...

    @property
    def key(self) -> tuple[Any, ...]:
        """What a cursor holds of it."""
        ...


class Placed(Protocol):
    """A row that knows where it lies."""

    @property
    def place(self) -> Mark:
        """Its place."""
        ...


Row = TypeVar("Row", bound=Placed)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Rows, newest first. `next` is None at the end of the range, else where to go on.

    `partial` when time ran out: everything younger than `reached` is in.
    """

    rows: list[Row]
    next: Mark | None
    partial: bool
    reached: datetime


def page(
    time_range: TimeRange,
    after: Mark | None,
    limit: int,
    read: Callable[[CursorWrapper, TimeRange, int], list[Row]],
    moment: Callable[[datetime], Mark] = Place,
) -> Found[Row]:
    """The first `limit` rows of the range, or those that lie before `after`.

    `read(cursor, window, n)` must itself leave out rows that do not lie before it; `moment` makes
    the mark before which lie only older rows. Raises UnavailableError when the search takes too
    long to find anything.
    """
    end = time_range.end if after is None else min(time_range.end, after.ts + TICK)
    if end <= time_range.start:
        return Found([], None, partial=False, reached=time_range.start)
    walked = walk.newest(TimeRange(time_range.start, end), limit + 1, read)
    rows = walked.rows[:limit]
    if len(walked.rows) > limit:
        last = rows[-1].place
        return Found(rows, last, partial=False, reached=last.ts)
    onward = moment(walked.reached) if walked.partial else None
    return Found(rows, onward, walked.partial, walked.reached)
