"""The newest end of RED, read from the spans that are in no rollup yet."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.errors import QueryCanceled

from apps.monitoring.queries.operations import Figures, Operation, Wanted, clean
from apps.monitoring.queries.redplan import Plan
from apps.monitoring.store import red

_TIMEOUT_MS: Final = 1500
# Spans come faster than they can be read over and over: leave them to the roller for a while.
_REST_S: Final = 60.0
_resting: dict[str, float] = {}


def read(
    cursor: "psycopg.Cursor[Any]", plan: Plan, wanted: Wanted, only: Sequence[Operation] | None
) -> Iterator[tuple[Operation, datetime, Figures]]:
    """(operation, step, figures) of the spans not rolled up yet; nothing where that is too much.

    What is left out here is in the answer a minute later.
    """
    database = connection.settings_dict["NAME"]
    if not plan.spans or time.monotonic() < _resting.get(database, 0.0):
        return
    try:
        with cursor.connection.transaction():
            cursor.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
            found = red.from_spans(cursor, plan.spans, plan.step, plan.start, _narrowed(wanted))
    except QueryCanceled:
        _resting[database] = time.monotonic() + _REST_S
        return
    services, names = _known(cursor, found)
    allowed = None if only is None else {(one.service, one.name) for one in only}
    for one in found:
        operation = Operation(
            services.get(one.resource_id, ""), names.get(one.name_id, red.OTHER), one.kind
        )
        if _is_wanted(operation, wanted, allowed):
            state = one.state
            yield (
                operation,
                one.bucket,
                Figures(
                    state.count, one.err, one.classes, state.sum or 0.0, state.max or 0.0, state
                ),
            )


def forget() -> None:
    """Ask for spans again at once."""
    _resting.clear()


def _narrowed(wanted: Wanted) -> sql.Composable:
    if not wanted.service:
        return red.EVERY
    return sql.SQL(
        "AND resource_id = ANY (ARRAY(SELECT id FROM tm_resource WHERE service = {}))"
    ).format(sql.Literal(clean(wanted.service)))


def _known(
    cursor: "psycopg.Cursor[Any]", found: list[red.Red]
) -> tuple[dict[int, str], dict[int, str]]:
    cursor.execute(
        "SELECT id, service FROM tm_resource WHERE id = ANY(%s)",
        [list({one.resource_id for one in found})],
    )
    services = dict(cursor.fetchall())
    cursor.execute(
        "SELECT id, value FROM tm_name WHERE id = ANY(%s)",
        [list({one.name_id for one in found})],
    )
    return services, dict(cursor.fetchall())


def _is_wanted(operation: Operation, wanted: Wanted, allowed: set[tuple[str, str]] | None) -> bool:
    return (
        operation.kind in wanted.kinds
        and (not wanted.service or operation.service == clean(wanted.service))
        and (not wanted.name or operation.name == clean(wanted.name))
        and wanted.text.casefold() in operation.name.casefold()
        and (allowed is None or (operation.service, operation.name) in allowed)
    )
