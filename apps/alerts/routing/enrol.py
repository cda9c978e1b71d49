"""How a change of an alert gets into routing: a row in the transaction of the change itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.alerts.machine import OPEN
from apps.alerts.models import AlertGroup, Episode
from apps.alerts.outbox import wake_on_commit

ROUTE_TASK: Final = "apps.alerts.tasks.route_alerts"


def enrol(fired: Sequence[Episode], resolved: Sequence[Episode], at: datetime) -> None:
    """Have these episodes routed: those that fired or grew worse, and those that ended.

    Belongs in the transaction of that change; takes no lock, so that nobody who evaluates waits
    for routing. What becomes of an episode is decided from its state when it is routed; the order
    of two changes does not matter.
    """
    if fired or resolved:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO alerts_enrolment (episode_id, at) SELECT n.id, %s"
                " FROM unnest(%s::uuid[]) WITH ORDINALITY AS n(id, place) ORDER BY place",
                [at, [one.pk for one in (*fired, *resolved)]],
            )
        wake_on_commit(ROUTE_TASK)


def enrol_open(rule: int | None = None, *, channel: int | None = None) -> None:
    """Route everything that fires anew, or of one rule, or of the rules that tell one channel: who
    is to be told has changed.

    Belongs in the transaction of that change.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_enrolment (episode_id, at)"
            " SELECT id, COALESCE(fired_at, started_at) FROM alerts_episode"
            " WHERE state = ANY(%(open)s) AND (%(rule)s::int8 IS NULL OR rule_id = %(rule)s)"
            " AND (%(channel)s::int8 IS NULL OR rule_id IN"
            "  (SELECT rule_id FROM alerts_rule_channels WHERE channel_id = %(channel)s))",
            {"open": [str(state) for state in OPEN], "rule": rule, "channel": channel},
        )
    wake_on_commit(ROUTE_TASK)


def flush_now(groups: QuerySet[AlertGroup]) -> int:
    """Flush these groups at once instead of when their timers come; how many have a timer.

    Belongs in the transaction of what makes it necessary.
    """
    # Sorted and locked first: two that do this at once must not wait for each other.
    found = list(
        AlertGroup.objects.select_for_update(no_key=True)
        .filter(pk__in=groups.values("pk"), next_flush_at__gt=Now())
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if found:
        AlertGroup.objects.filter(pk__in=found).update(next_flush_at=Now())
        wake_on_commit(ROUTE_TASK)
    return len(found)
