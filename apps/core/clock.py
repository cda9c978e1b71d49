"""The one clock of everything that several processes decide: the database's."""

from datetime import UTC, datetime

from django.db import connection


def db_now() -> datetime:
    """The database's time, aware, in UTC. A process's own clock decides nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)
