"""The notification log as a query: messages, their last receipt, whether they failed over."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.alerts.models import DeliveryReceipt, Notification

FILTERS: Final = (
    "state", "kind", "purpose", "severity", "channel", "episode", "since", "until",
)  # fmt: skip


def log(
    *,
    state: str = "",
    kind: str = "",
    purpose: str = "",
    severity: str = "",
    channel: int | None = None,
    episode: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Notification]:
    """Messages that match everything given, newest first; one query, whatever is shown of them."""
    wanted = {
        "state": state, "kind": kind, "purpose": purpose, "severity": severity,
        "channel_id": channel, "episode_id": episode, "created_at__gte": since,
        "created_at__lt": until,
    }  # fmt: skip
    last = DeliveryReceipt.objects.filter(notification=OuterRef("pk")).order_by("-pk")
    below = Notification.objects.filter(fallback_of=OuterRef("pk"))
    return (
        Notification.objects.filter(**{k: v for k, v in wanted.items() if v not in ("", None)})
        .annotate(
            rule_shown=Coalesce(F("episode__rule_name"), Value("")),
            channel_shown=F("channel__name"),
            last_receipt=Subquery(last.values("state")[:1]),
            failed_over=Exists(below),
        )
        .order_by("-created_at", "-pk")
    )
