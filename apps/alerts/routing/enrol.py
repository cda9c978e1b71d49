"""How a change of an alert gets into routing: a row in the transaction of the change itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection

from apps.alerts.machine import OPEN
from apps.alerts.models import Episode
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


def enrol_open(rule: int | None = None) -> None:
    """Route everything that fires anew, or of one rule: who is to be told has changed.

    Belongs in the transaction of that change.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_enrolment (episode_id, at)"
            " SELECT id, COALESCE(fired_at, started_at) FROM alerts_episode"
            " WHERE state = ANY(%(open)s) AND (%(rule)s::int8 IS NULL OR rule_id = %(rule)s)",
            {"open": [str(state) for state in OPEN], "rule": rule},
        )
    wake_on_commit(ROUTE_TASK)
