"""Empty tables after a test that committed: only those that hold something, row by row.

Django's flush truncates every table of the project and writes all permissions anew: 0.6 s for a
handful of rows. Content types and permissions are never emptied here.
"""

from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.testcases import TransactionTestCase

_KEPT: Final = frozenset({"django_content_type", "auth_permission", "django_migrations"})


def install() -> None:
    """Let every test case that commits clean up this way."""

    def teardown(case: Any) -> None:
        for name in case._databases_names(include_mirrors=False):
            empty(connections[name])

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete what the tables of all models hold, whatever refers to it."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = {name: connection.ops.quote_name(name) for name in names if name not in _KEPT}
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}' WHERE EXISTS (SELECT FROM {table})"
                for name, table in quoted.items()
            )
        )
        full = [quoted[row[0]] for row in cursor.fetchall()]
        if not full:
            return
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if cursor.fetchone() == (True,):
            deletes = ";".join(f"DELETE FROM {table}" for table in full)
            # Without triggers: neither foreign keys nor rules against deleting apply.
            cursor.execute(
                f"BEGIN; SET LOCAL session_replication_role = replica; {deletes}; COMMIT"
            )
        else:
            cursor.execute(f"TRUNCATE {', '.join(full)} CASCADE")
