"""How many test messages a channel takes: whoever is behind it may be asleep."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Count
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.models import Channel, Notification, Purpose


def full(channels: Collection[int]) -> set[int]:
    """Those of these channels that had their fill of tests just now, of whatever sort.

    Belongs in the transaction that owes the next: until it ends, others that would test the same
    channels wait, so that two who press at once are counted one after the other.
    """
    locked = Channel.objects.select_for_update(no_key=True).filter(pk__in=channels)
    list(locked.order_by("pk").values_list("pk"))
    had = Notification.objects.filter(
        channel__in=channels, purpose=Purpose.TEST,
        created_at__gt=Now() - timedelta(seconds=conf.TESTS_WITHIN_S),
    ).order_by().values("channel").annotate(n=Count("pk"))  # fmt: skip
    return {one["channel"] for one in had if one["n"] >= conf.MOST_TESTS}
