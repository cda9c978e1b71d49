"""PostgreSQL connections of the store's own, beside Django's.

They are plain psycopg: nothing that instruments Django sees them, and no request's transaction or
timeout reaches them.
"""

from typing import Any

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
