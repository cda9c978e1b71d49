"""Pages of rows that are only ordered by time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Any)
_TICK = timedelta(microseconds=1)  # PostgreSQL's resolution


def page(rows: Sequence[Row], size: int) -> tuple[list[Row], datetime | None]:
    """The rows of one page, and where the range of the next one ends (None: there is none).

    `rows` holds up to size + 1, newest first. Rows that share one moment stay on one page, so that
    none is lost between pages; only where a whole page is of one moment the rest of it is.
    """
    if len(rows) <= size:
        return list(rows), None
    edge = rows[size].ts
    shown = [row for row in rows[:size] if row.ts != edge]
    return (shown, edge + _TICK) if shown else (list(rows[:size]), edge)
