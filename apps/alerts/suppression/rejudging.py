"""Have alerts judged again at once where what held them back is over."""

from collections.abc import Iterable

from django.db.models import Q
from django.db.models.functions import Now

from apps.alerts.models import AlertGroup, GroupMember, Verdict
from apps.alerts.outbox import wake_on_commit
from apps.alerts.routing.enrol import ROUTE_TASK


def rejudge(causes: Iterable[str]) -> int:
    """Flush the groups that hold alerts back for these causes (`silence:<id>`); how many.

    Without it they would be looked at only when their timers come. Belongs in the transaction that
    ends the cause.
    """
    either = Q()
    for cause in causes:
        either |= Q(verdict__endswith=f":{cause}")
    if not either:
        return 0
    held = GroupMember.objects.filter(
        either, verdict__startswith=f"{Verdict.SUPPRESSED}:", cleared_at__isnull=True
    )
    # Sorted and locked first: two that do this at once must not wait for each other.
    groups = list(
        AlertGroup.objects.select_for_update(no_key=True)
        .filter(pk__in=held.values("group"), next_flush_at__gt=Now())
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if groups:
        AlertGroup.objects.filter(pk__in=groups).update(next_flush_at=Now())
        wake_on_commit(ROUTE_TASK)
    return len(groups)
