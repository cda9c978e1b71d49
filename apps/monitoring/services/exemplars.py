"""Pinning the traces of chosen exemplars, so that a point on a chart always opens its trace."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from apps.monitoring.services.pins import PinReason, pin

_AT_ONCE: Final = 1000
_MOST_A_RUN: Final = 20_000


def pin_chosen(now: datetime | None = None) -> int:
    """Pin what is not pinned yet, for as long as the exemplar itself is kept; how many.

    Two at a time share the work: each takes rows the other has not.
    """
    now = now or datetime.now(UTC)
    until = now + timedelta(hours=settings.PHAROS_RETENTION_HOURS["minutes"])
    done = 0
    while done < _MOST_A_RUN:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tm_exemplar e SET pinned = true FROM ("
                " SELECT series_id, slot FROM tm_exemplar WHERE NOT pinned"
                " ORDER BY slot LIMIT %s FOR UPDATE SKIP LOCKED) n"
                " WHERE e.series_id = n.series_id AND e.slot = n.slot"
                " RETURNING e.trace_id, e.ts",
                [_AT_ONCE],
            )
            chosen = cursor.fetchall()
            pin(chosen, PinReason.EXEMPLAR, until)
        done += len(chosen)
        if len(chosen) < _AT_ONCE:
            break
    return done
