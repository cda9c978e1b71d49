"""Newest rows first from tables that only know roughly where a time lies.

Day partitions with a BRIN index have no order to read backwards, and sorting a day to show fifty
rows is waste. So the search starts with a short window at the end and widens until it has enough.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange

Row = TypeVar("Row")
_FIRST: Final = timedelta(seconds=30)
_WIDEN: Final = 6
# The answer itself takes some time, too: all within five seconds.
_TIMEOUT_MS: Final = 4500


@dataclass(slots=True)
class Walked(Generic[Row]):
    """Rows, newest first. `reached` is the moment down to which the range was searched.

    `partial` when time ran out before the start of the range or enough rows were reached.
    """

    reached: datetime
    rows: list[Row] = field(default_factory=list)
    partial: bool = False


@contextmanager
def bounded_cursor() -> Iterator[CursorWrapper]:
    """A cursor whose statements may take 4.5 seconds. Raises UnavailableError beyond that."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            allow(cursor, _TIMEOUT_MS)
            yield cursor
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise UnavailableError(_("This search takes too long: narrow the range.")) from error
        raise


def allow(cursor: CursorWrapper, ms: int) -> None:
    """How long each further statement of this transaction may take."""
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, ms))])


def widening(time_range: TimeRange) -> Iterator[TimeRange]:
    """The range in windows, the newest first and shortest."""
    end, width = time_range.end, _FIRST
    while end > time_range.start:
        start = max(time_range.start, end - width)
        yield TimeRange(start, end)
        end, width = start, width * _WIDEN


def newest(
    time_range: TimeRange,
    limit: int,
    read: Callable[[CursorWrapper, TimeRange, int], list[Row]],
    windows: Callable[[TimeRange], Iterator[TimeRange]] = widening,
) -> Walked[Row]:
    """Up to `limit` newest rows of the range, as many as four and a half seconds find.

    `read(cursor, window, n)` gives a window's, newest first. Raises UnavailableError when not even
    the first window could be read.
    """
    walked: Walked[Row] = Walked(time_range.end)
    deadline = time.monotonic() + _TIMEOUT_MS / 1000
    try:
        with bounded_cursor() as cursor:
            for window in windows(time_range):
                left_ms = round((deadline - time.monotonic()) * 1000)
                if left_ms <= 0:
                    walked.partial = True
                    break
                allow(cursor, left_ms)
                walked.rows += read(cursor, window, limit - len(walked.rows))
                walked.reached = window.start
                if len(walked.rows) >= limit:
                    break
    except UnavailableError:
        if walked.reached == time_range.end:
            raise
        walked.partial = True
    return walked


def containing(text: str) -> str | None:
    """The LIKE pattern of "holds this text"; None for no text."""
    # NUL cannot be in a PostgreSQL text, so it matches nothing.
    text = text.replace("\0", "\ufffd")
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%" if text else None
