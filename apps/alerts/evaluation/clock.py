"""The one clock of the alert engine: the database's. A worker's own clock decides nothing."""

from datetime import UTC, datetime

from django.db import connection


def db_now() -> datetime:
    """The database's time, aware, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


def tick_at(now: datetime, interval_s: int, offset_s: int) -> datetime:
    """The newest tick at or before `now`: whole intervals since 1970, plus an offset."""
    whole = int((now.timestamp() - offset_s) // interval_s)
    return datetime.fromtimestamp(whole * interval_s + offset_s, UTC)
