"""The router: enrolments into groups, groups that are due to their flush. Any number at once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.collisions import collided
from apps.alerts.models import AlertGroup
from apps.alerts.routing.flushing import flush
from apps.alerts.routing.placing import place
from apps.monitoring import recorder

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
_busy = threading.Lock()
_wanted = threading.Event()
_FLUSHES_BETWEEN = 50


@dataclass
class Routed:
    """What one run did."""

    placed: int = 0
    flushed: int = 0
    messages: int = 0
    failed: int = 0


def route(clock: Clock = db_now) -> Routed:
    """Route what was enrolled and flush what is due, within the time budget of one task.

    When this process is at it already, that run is told to look again and nothing is done here.
    Raises DatabaseError when the database is away; then nothing was half done.
    """
    done = Routed()
    _wanted.set()
    # Asked again after the lock is free: a wish that came just before must not wait for the poll.
    while _wanted.is_set() and _busy.acquire(blocking=False):
        try:
            _wanted.clear()
            _run(done, clock)
        finally:
            _busy.release()
    return done


def _run(done: Routed, clock: Clock) -> None:
    stop_at = time.monotonic() + conf.ROUTE_BUDGET_S
    due = True
    while time.monotonic() < stop_at:
        placed = place(clock())
        done.placed += placed
        if not placed and not due:
            return
        flushed = 0
        # A flood of enrolments must not keep the first page waiting, nor the other way round.
        while flushed < _FLUSHES_BETWEEN and _flush_one(done, clock):
            flushed += 1
        due = flushed >= _FLUSHES_BETWEEN


def _flush_one(done: Routed, clock: Clock) -> bool:
    """Flush one group that is due and nobody else's; False when there is none."""
    with transaction.atomic():
        now = clock()
        group = (
            AlertGroup.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .select_related("receiver__policy", "rule", "route")
            .filter(next_flush_at__lte=now)
            .order_by("next_flush_at")
            .first()
        )
        if group is None:
            return False
        done.flushed += 1
        due_at = group.next_flush_at
        try:
            with transaction.atomic():
                reason = flush(group, now)
        except Exception as error:
            if collided(error):
                # The other transaction is through by now: at once again, not at the next poll.
                recorder.count("pharos.routing.flushes", attrs={"reason": "collided"})
                return True
            if isinstance(error, OperationalError | InterfaceError) or not connection.is_usable():
                raise
            # One group that cannot be flushed must not hold up the others, nor be lost.
            log.exception("group_not_flushed", group=str(group.pk))
            done.failed += 1
            AlertGroup.objects.filter(pk=group.pk).update(
                next_flush_at=now + timedelta(seconds=conf.ROUTE_REST_S),
                last_error=f"{type(error).__name__}: {error}"[:500],
                failing_since=group.failing_since or now,
            )
            recorder.count("pharos.routing.flushes", attrs={"reason": "failed"})
            return True
    done.messages += reason is not None
    recorder.count("pharos.routing.flushes", attrs={"reason": str(reason or "nothing")})
    if due_at is not None:
        recorder.observe("pharos.routing.flush.lag", (now - due_at).total_seconds())
    return True
