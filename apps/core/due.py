"""Work that waits for a clock: one statement says which tasks have any.

None is woken for nothing. An app names its tasks in `ready()`, each with the rows that make a run
worth its while. More rows than those the task takes up are harmless; fewer would keep work lying.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import Error, connection
from django.db.models import QuerySet

log = structlog.get_logger(__name__)
# A worker that comes back has newer messages by then.
_WORTH_S: Final = 30
Rows = Callable[[], Sequence["QuerySet[Any, Any]"]]


@dataclass(frozen=True)
class Waiting:
    """A task and where its work lies. `rows` is called once a process: times in it are `Now()`."""

    task: str
    queue: str
    rows: Rows


_known: dict[str, Waiting] = {}
_statement: tuple[str, tuple[Any, ...]] | None = None


def watch(task: str, queue: str, rows: Rows) -> None:
    """From now on `task` is woken on `queue` while any of these querysets has a row."""
    global _statement
    _known[task] = Waiting(task, queue, rows)
    _statement = None


def due() -> list[Waiting]:
    """The tasks that have work. All of them where that cannot be said: each looks for itself."""
    known = list(_known.values())
    if not known:
        return []
    sql, values = _asked(known)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchone()
    except Error as error:
        # One table that is locked, say, must not keep the work of all others lying.
        log.warning("due_work_not_known", error=type(error).__name__)
        return known
    return [one for one, some in zip(known, found, strict=True) if some]


def wake() -> list[str]:
    """Start every task that has work; which those were. Raises what the broker raises."""
    from celery import current_app

    found = due()
    for one in found:
        current_app.send_task(one.task, queue=one.queue, retry=False, expires=_WORTH_S)
    return [one.task for one in found]


def _asked(known: Sequence[Waiting]) -> tuple[str, tuple[Any, ...]]:
    """The statement: a truth value for each task."""
    global _statement
    if _statement is None:
        columns, values = [], []
        for one in known:
            parts = [
                rows.order_by().values("pk")[:1].query.sql_with_params() for rows in one.rows()
            ]
            columns.append(" OR ".join(f"EXISTS ({sql})" for sql, _ in parts))
            values += [value for _, given in parts for value in given]
        _statement = f"SELECT {', '.join(columns)}", tuple(values)
    return _statement
