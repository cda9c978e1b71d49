"""Newest rows first from tables that only know roughly where a time lies.

Day partitions with a BRIN index have no order to read backwards, and sorting a day to show fifty
rows is waste. So the search starts with a short window at the end and widens until it has enough.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import QueryCanceled

from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange

Row = TypeVar("Row")
_FIRST: Final = timedelta(seconds=30)
_WIDEN: Final = 6
_TIMEOUT_MS: Final = 5000


@contextmanager
def bounded_cursor() -> Iterator[CursorWrapper]:
    """A cursor whose statements may take five seconds. Raises UnavailableError beyond that."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(_TIMEOUT_MS)])
            yield cursor
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise UnavailableError("This search takes too long: narrow the range.") from error
        raise


def newest(
    time_range: TimeRange, limit: int, read: Callable[[TimeRange, int], list[Row]]
) -> list[Row]:
    """Up to `limit` newest rows of the range. `read(window, n)` gives a window's, newest first."""
    rows: list[Row] = []
    end, width = time_range.end, _FIRST
    while end > time_range.start and len(rows) < limit:
        start = max(time_range.start, end - width)
        rows += read(TimeRange(start, end), limit - len(rows))
        end, width = start, width * _WIDEN
    return rows


def containing(text: str) -> str | None:
    """The LIKE pattern of "holds this text"; None for no text."""
    # NUL cannot be in a PostgreSQL text, so it matches nothing.
    text = text.replace("\0", "\ufffd")
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%" if text else None
