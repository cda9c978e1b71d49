"""What people, and time, decide about bottlenecks."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from apps.core import caller
from apps.core.errors import ConflictError, NotFoundError
from apps.core.services import audit
from apps.monitoring.models import Bottleneck, ExaminedMinute, RouteMinute, Sighting

# Gone only after a while, and only where its route was asked for often enough since.
QUIET: Final = timedelta(minutes=30)
_LEAST_REQUESTS: Final = 20
# ln(0.01): with a share p it would have shown itself in n requests but for (1-p)^n ≤ 1 %.
_SURE: Final = 4.6
_MOST_AT_ONCE: Final = 100
_KEPT: Final = timedelta(days=30)
_REMEMBERED: Final = timedelta(days=90)
_BATCH: Final = 5000
_STATE: Final = Bottleneck.State


def find(fingerprint: str) -> Bottleneck:
    """The bottleneck with this fingerprint. Raises NotFoundError."""
    row = Bottleneck.objects.filter(fingerprint=fingerprint.replace("\0", "")[:40]).first()
    if row is None:
        raise NotFoundError(_("There is no such bottleneck."))
    return row


def ignore(fingerprint: str, reason: str = "") -> Bottleneck:
    """Leave it out of lists until somebody opens it again. Raises NotFoundError, ConflictError."""
    return _move(fingerprint, (_STATE.OPEN, _STATE.RESOLVED), _STATE.IGNORED, "ignore", reason)


def reopen(fingerprint: str, reason: str = "") -> Bottleneck:
    """Back into the lists. Raises NotFoundError, ConflictError."""
    return _move(fingerprint, (_STATE.IGNORED, _STATE.RESOLVED), _STATE.OPEN, "open", reason)


def resolve(fingerprint: str, reason: str = "") -> Bottleneck:
    """Mended; it opens by itself when it is seen again. Raises NotFoundError, ConflictError."""
    return _move(fingerprint, (_STATE.OPEN,), _STATE.RESOLVED, "resolve", reason)


def _move(
    fingerprint: str, origins: tuple[str, ...], target: str, verb: str, reason: str
) -> Bottleneck:
    with transaction.atomic():
        row = find(fingerprint)
        won = Bottleneck.objects.filter(pk=row.pk, state__in=origins).update(
            state=target, state_since=datetime.now(UTC)
        )
        if not won:
            raise ConflictError(_("The bottleneck is in another state by now."))
        before, after = {"state": row.state}, {"state": target, "reason": reason[:500]}
        audit.record(caller.actor(), f"bottleneck.{verb}", _named(row), before, after)
    row.refresh_from_db()
    return row


def _named(row: Bottleneck) -> str:
    return f"{row.fingerprint} {row.kind} {row.service} {row.route}"


_GONE: Final = """
UPDATE monitoring_bottleneck b SET state = 'resolved', state_since = %(now)s
WHERE b.id IN (
    SELECT c.id FROM monitoring_bottleneck c
    WHERE c.state = 'open' AND c.last_seen < %(quiet)s
      AND (SELECT coalesce(sum(m.requests), 0) FROM monitoring_routeminute m
           WHERE m.route_key = c.route_key AND m.minute > c.last_seen)
          >= greatest(%(least)s, ceil(%(sure)s / greatest(c.share, 0.001)))
    ORDER BY c.last_seen LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AND b.state = 'open'
RETURNING b.fingerprint, b.kind, b.service, b.route
"""


def settle(now: datetime | None = None) -> int:
    """Resolve what is gone although its route is busy; how many there were.

    A route nobody asks for proves nothing: its bottlenecks stay open.
    """
    now = now or datetime.now(UTC)
    asked: dict[str, datetime | int | float] = {
        "now": now, "quiet": now - QUIET, "least": _LEAST_REQUESTS, "sure": _SURE,
        "limit": _MOST_AT_ONCE,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_GONE, asked)
        gone = cursor.fetchall()
        for told in gone:
            audit.record(
                caller.SYSTEM, "bottleneck.resolve", " ".join(told),
                {"state": _STATE.OPEN}, {"state": _STATE.RESOLVED, "reason": "not seen any more"},
            )  # fmt: skip
    return len(gone)


def prune(now: datetime | None = None) -> int:
    """Delete a bounded number of old minutes, and bottlenecks nobody has seen for 90 days."""
    now = now or datetime.now(UTC)
    gone = 0
    for model in (Sighting, RouteMinute, ExaminedMinute):
        rows: Any = model._default_manager
        old = rows.filter(minute__lt=now - _KEPT).order_by("minute").values_list("pk", flat=True)
        gone += rows.filter(pk__in=list(old[:_BATCH])).delete()[0]
    stale = Bottleneck.objects.filter(last_seen__lt=now - _REMEMBERED).order_by("last_seen")
    pks = list(stale.values_list("pk", flat=True)[:_MOST_AT_ONCE])
    return gone + Bottleneck.objects.filter(pk__in=pks).delete()[0]
