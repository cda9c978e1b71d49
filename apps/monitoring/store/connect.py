"""PostgreSQL connections of the store's own, beside Django's.

They are plain psycopg: nothing that instruments Django sees them, and no request's transaction or
timeout reaches them.
"""

import os
import threading
from collections.abc import Sequence
from typing import Any, Final, LiteralString

import psycopg
from django.db import connections


def parameters(application_name: str, statement_timeout_s: float) -> dict[str, Any]:
    """psycopg's keyword arguments for the default database as Django reaches it now."""
    params = dict(connections["default"].get_connection_params())
    for key in ("cursor_factory", "context", "pool"):
        params.pop(key, None)
    params["application_name"] = application_name
    params["connect_timeout"] = 3
    params["options"] = (
        f"-c statement_timeout={int(statement_timeout_s * 1000)} -c lock_timeout=5000"
        " -c timezone=UTC -c client_encoding=UTF8"
    )
    return params


def open_connection(
    application_name: str, statement_timeout_s: float, *, autocommit: bool = False
) -> "psycopg.Connection[Any]":
    """A new connection. Raises psycopg.OperationalError when the server is away."""
    return psycopg.connect(
        **parameters(application_name, statement_timeout_s), autocommit=autocommit
    )


class _Kept:
    """One connection of a process, for short questions that come again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def ask(self, statement: LiteralString, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._connection is not None:
                try:
                    return self._connection.execute(statement, values).fetchall()
                except psycopg.OperationalError:
                    # The server may have been away since the last question.
                    self._connection.close()
            self._connection = None
            made = open_connection("pharos-errands", _ANSWER_S, autocommit=True)
            self._connection = made
            return made.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


_ANSWER_S: Final = 5
_kept = _Kept()
# Of a parent process: kept, so that nothing of it is closed from a child.
_inherited: list[_Kept] = []


def ask(statement: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a short question that changes nothing, on a connection the process keeps: a
    server process for each would cost more than the answers. Raises psycopg.Error.
    """
    return _kept.ask(statement, values)


def close() -> None:
    """Let go of the connection that is kept; the next question opens another."""
    _kept.close()


def _after_fork() -> None:
    global _kept
    _inherited.append(_kept)
    _kept = _Kept()


os.register_at_fork(after_in_child=_after_fork)
