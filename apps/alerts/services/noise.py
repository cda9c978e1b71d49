"""Rules that page too often become a task."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.evaluation.clock import db_now
from apps.alerts.models import NoisyRule, Notification, Purpose

_HOUR = timedelta(hours=1)
# Messages within the hour are looked for among episodes that began within this time.
_LOOK_BACK = timedelta(days=1)
_MOST_RULES = 200


def flag_noisy_rules() -> int:
    """Open a task for each rule that told one channel too much in the last hour; how many are new.

    Safe to run any number of times at once.
    """
    now = db_now()
    rows = (
        Notification.objects.filter(
            episode__started_at__gt=now - _LOOK_BACK,
            episode__rule__isnull=False,
            created_at__gt=now - _HOUR,
        )
        .exclude(purpose__in=[Purpose.TEST, Purpose.DIGEST])
        .values("episode__rule", "channel")
        .annotate(n=Count("pk"))
        .filter(n__gt=conf.NOISY_PER_HOUR)
        .order_by("-n")[:_MOST_RULES]
    )
    most: dict[int, int] = {}
    for row in rows:
        most[row["episode__rule"]] = max(most.get(row["episode__rule"], 0), row["n"])
    with transaction.atomic():
        known = {
            row.rule_id: row
            for row in NoisyRule.objects.select_for_update().filter(closed_at=None, rule__in=most)
        }
        for pk, task in known.items():
            task.most, task.last_at = max(task.most, most[pk]), now
        NoisyRule.objects.bulk_update(known.values(), ["most", "last_at"])
        new = [NoisyRule(rule_id=pk, most=n) for pk, n in most.items() if pk not in known]
        NoisyRule.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def close(row: NoisyRule, by: str) -> bool:
    """Somebody has looked at it; whether it was still open."""
    won = NoisyRule.objects.filter(pk=row.pk, closed_at=None).update(
        closed_at=Now(), closed_by=by[:200]
    )
    return won == 1
