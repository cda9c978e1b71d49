"""How a change of an alert gets into routing: a row in the transaction of the change itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection

from apps.alerts.machine import OPEN
from apps.alerts.models import AlertGroup, Enrolment, Episode
from apps.alerts.outbox import wake_on_commit

ROUTE_TASK: Final = "apps.alerts.tasks.route_alerts"


def enrol(fired: Sequence[Episode], resolved: Sequence[Episode], at: datetime) -> None:
    """Have these episodes routed: those that fired or grew worse, and those that ended.

    Belongs in the transaction of that change; takes no lock, so that nobody who evaluates waits
    for routing. What becomes of an episode is decided from its state when it is routed; the order
    of two changes does not matter.
    """
    if fired or resolved:
        Enrolment.objects.bulk_create(
            [Enrolment(episode=one, at=at) for one in (*fired, *resolved)], batch_size=1000
        )
        wake_on_commit(ROUTE_TASK)


def look_again(episodes: Sequence[Episode], at: datetime) -> None:
    """Flush the groups of these episodes now: what held them back, or did not, has changed.

    Belongs in the transaction of that change.
    """
    groups = AlertGroup.objects.filter(
        members__episode__in=episodes, members__cleared_at__isnull=True, next_flush_at__gt=at
    )
    ids = sorted(set(groups.values_list("pk", flat=True)))
    rows = AlertGroup.objects.filter(pk__in=ids, next_flush_at__isnull=False)
    # In one order, so that two of these cannot wait for one another.
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    if rows.update(next_flush_at=at):
        wake_on_commit(ROUTE_TASK)


def enrol_open() -> None:
    """Route everything that fires anew, after a change of the tree."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_enrolment (episode_id, at)"
            " SELECT id, COALESCE(fired_at, started_at) FROM alerts_episode"
            " WHERE state = ANY(%s)",
            [[str(state) for state in OPEN]],
        )
    wake_on_commit(ROUTE_TASK)
