"""Every statement Django sends: how long it took and whether it failed. Never its parameters."""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import SUPPRESSED, current
from apps.monitoring.recorder.events import SQL


def wrapper(
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 (Django's signature)
    context: dict[str, Any],
) -> Any:
    """Django's `execute_wrapper`."""
    span: Any = current.get()
    if span is SUPPRESSED:
        return execute(sql, params, many, context)
    error = None
    began = perf_counter_ns()
    try:
        return execute(sql, params, many, context)
    except BaseException as raised:
        error = type(raised).__qualname__
        raise
    finally:
        event = (SQL, began, perf_counter_ns(), sql, context["connection"].vendor, error)
        recorder.add_inside(span, event)


def attach(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Record this connection, once however often it reconnects."""
    if wrapper not in connection.execute_wrappers:
        connection.execute_wrappers.append(wrapper)


def install() -> None:
    """Record every connection made from now on, and those that are open."""
    connection_created.connect(attach, dispatch_uid="pharos.recorder")
    for connection in connections.all(initialized_only=True):
        attach(connection)
