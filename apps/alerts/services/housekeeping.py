"""Keep the working tables small; history (episodes, events, notifications) is not touched."""

from datetime import timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.machine import ACTIVE
from apps.alerts.models import Instance, Tick

log = structlog.get_logger(__name__)
# Two thousand rules every fifteen seconds leave 4,000 ticks between two runs.
_AT_ONCE: Final = 20_000
# Beyond this a database clock that stepped back is not waited for.
_WAITED_FOR_S: Final = 60


def prune() -> int:
    """Delete a bounded number of old ticks and idle instances; how many there were."""
    old_ticks = Tick.objects.filter(
        evaluated_at__lt=Now() - timedelta(seconds=conf.TICKS_KEPT_S)
    ).order_by("evaluated_at")
    idle = Instance.objects.filter(
        ~Q(state__in=ACTIVE), tick__lt=Now() - timedelta(seconds=conf.IDLE_INSTANCES_KEPT_S)
    ).order_by("tick")
    gone = 0
    for model, rows in ((Tick, old_ticks), (Instance, idle)):
        ids = list(rows.values_list("pk", flat=True)[:_AT_ONCE])
        if ids:
            gone += model._default_manager.filter(pk__in=ids).delete()[0]
    return gone


def mend_clock() -> int:
    """Let rules go on that a database clock which stepped back has left due in the future.

    A step of less than a minute is waited for: no tick is judged twice. After a longer one the
    ticks that lie ahead are forgotten; how many rules that concerned.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_rule SET next_eval_at = statement_timestamp(), last_tick = NULL"
            " WHERE enabled AND next_eval_at >"
            " statement_timestamp() + make_interval(secs => interval_s + %s) RETURNING id",
            [_WAITED_FOR_S],
        )
        rules = [row[0] for row in cursor.fetchall()]
        if rules:
            log.error("database_clock_stepped_back", rules=len(rules))
            cursor.execute(
                "DELETE FROM alerts_tick WHERE rule_id = ANY(%s) AND tick > statement_timestamp()",
                [rules],
            )
    return len(rules)
