"""One page of a search, and where the next one begins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import walk
from apps.monitoring.queries.position import TICK, Place


class Spot(Protocol):
    """Where a row lies: `Place` for spans, `LinePlace` for log lines. Made from `key`, in order.

    Made from a time alone it is a moment: before it lie only older rows.
    """

    @property
    def ts(self) -> datetime:
        """The row's time."""
        ...

    @property
    def id(self) -> str:
        """The row's name in addresses and answers."""
        ...

    @property
    def key(self) -> tuple[Any, ...]:
        """What a cursor holds of it."""
        ...


class Placed(Protocol):
    """A row that knows where it lies."""

    @property
    def place(self) -> Any:
        """Its `Spot`."""
        ...


Row = TypeVar("Row", bound=Placed)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Rows, newest first. `next` is None at the end of the range, else where to go on.

    `partial` when time ran out: everything younger than `reached` is in.
    """

    rows: list[Row]
    next: Any
    partial: bool
    reached: datetime


def page(
    time_range: TimeRange,
    after: Spot | None,
    limit: int,
    read: Callable[[CursorWrapper, TimeRange, int], list[Row]],
    *,
    spot: Callable[[datetime], Spot] = Place,
    windows: Callable[[TimeRange], Iterator[TimeRange]] = walk.widening,
) -> Found[Row]:
    """The first `limit` rows of the range, or those that lie before `after`.

    `read(cursor, window, n)` must itself leave out rows that do not lie before it; `spot` makes a
    moment. Raises UnavailableError when the search takes too long to find anything.
    """
    end = time_range.end if after is None else min(time_range.end, after.ts + TICK)
    if end <= time_range.start:
        return Found([], None, partial=False, reached=time_range.start)
    walked = walk.newest(TimeRange(time_range.start, end), limit + 1, read, windows)
    rows = walked.rows[:limit]
    if len(walked.rows) > limit:
        last = rows[-1].place
        return Found(rows, last, partial=False, reached=last.ts)
    onward = spot(walked.reached) if walked.partial else None
    return Found(rows, onward, walked.partial, walked.reached)
