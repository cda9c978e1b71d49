"""Have alerts judged again at once where what held them back is over."""

from collections.abc import Iterable

from django.db.models import Q

from apps.alerts.models import AlertGroup, GroupMember, Verdict
from apps.alerts.routing.enrol import flush_now


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
    return flush_now(AlertGroup.objects.filter(pk__in=held.values("group")))
