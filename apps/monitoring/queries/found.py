"""One page of a search, and where the next one begins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import walk
from apps.monitoring.queries.position import Cursor, Place


class Placed(Protocol):
    """A row that knows where it lies."""

    @property
    def place(self) -> Place:
        """Its place."""
        ...


Row = TypeVar("Row", bound=Placed)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Rows, newest first. `next` is None at the end of the range.

    `partial` when time ran out: everything younger than `reached` is in, and `next` goes on there.
    """

    rows: list[Row]
    next: Cursor | None
    partial: bool
    reached: datetime


def page(
    time_range: TimeRange,
    after: Cursor | None,
    limit: int,
    read: Callable[[CursorWrapper, TimeRange, int], list[Row]],
) -> Found[Row]:
    """The first `limit` rows of the range, or those after a cursor. Raises UnavailableError.

    `read(cursor, window, n)` must leave out rows that do not lie before `after.place`.
    """
    wanted = time_range if after is None else after.time_range
    walked = walk.newest(wanted, limit + 1, read)
    rows = walked.rows[:limit]
    if len(walked.rows) > limit:
        last = rows[-1].place
        return Found(rows, Cursor(last, wanted.start), partial=False, reached=last.ts)
    onward = Cursor(Place(walked.reached), wanted.start) if walked.partial else None
    return Found(rows, onward, walked.partial, walked.reached)
