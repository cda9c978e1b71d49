"""Pins: traces that must outlive sampling and the retention of spans."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

# As many as one call may pin; who has more asks again.
MOST: Final = 5000
# Nobody keeps a trace for ever by asking once.
LONGEST: Final = timedelta(days=400)


class PinReason(models.IntegerChoices):
    """Why a trace is pinned. One trace may be pinned for several reasons at once."""

    HAND = 1, _("by hand")
    EXEMPLAR = 2, _("exemplar of a metric")
    EVIDENCE = 3, _("evidence of a bottleneck")


_PIN: Final = (
    "INSERT INTO tm_pin (trace_id, reason, ts, until)"
    " SELECT trace_id, %s, min(ts), %s FROM unnest(%s::uuid[], %s::timestamptz[])"
    " AS pinned (trace_id, ts) GROUP BY trace_id ORDER BY trace_id"
    " ON CONFLICT (trace_id, reason)"
    " DO UPDATE SET until = excluded.until, ts = least(tm_pin.ts, excluded.ts)"
    " WHERE tm_pin.until < excluded.until"
)


def pin(traces: Sequence[tuple[UUID, datetime]], reason: PinReason, until: datetime) -> None:
    """Keep these traces, each with a time it was seen at, until `until` at least.

    Idempotent; a pin that already lasts longer stays as it is. `until` reaches 400 days at most.
    Takes part in the caller's transaction. Raises InvalidInputError beyond 5,000 traces.
    """
    if len(traces) > MOST:
        raise InvalidInputError(_("Too many traces to pin at once."), {"most": MOST})
    now = datetime.now(UTC)
    if not traces or until <= now:
        return
    ids, seen = [trace for trace, _ts in traces], [ts for _trace, ts in traces]
    with connection.cursor() as cursor:
        cursor.execute(_PIN, [int(reason), min(until, now + LONGEST), ids, seen])


def unpin(trace_id: UUID, reason: PinReason) -> bool:
    """Take one pin away; whether there was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM tm_pin WHERE trace_id = %s AND reason = %s", [trace_id, int(reason)]
        )
        return bool(cursor.rowcount)


def pinned(trace_id: UUID) -> dict[PinReason, datetime]:
    """Why, and until when, one trace is pinned now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, until FROM tm_pin WHERE trace_id = %s AND until > now()", [trace_id]
        )
        return {PinReason(reason): until for reason, until in cursor.fetchall()}
