"""Keep the working tables small; history (episodes, events, notifications) is not touched."""

from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.machine import ACTIVE
from apps.alerts.models import Instance, Tick

_AT_ONCE: Final = 5000


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
