"""Which episodes a list shows: what the board, the alerts and the history have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from apps.alerts.filters import AlertFilters
from apps.alerts.models import Acknowledgement, Decision, Episode, Notification
from apps.core.api.filters import Filters

# Of one episode a list tells at most so many messages and decisions; its own page has all.
MOST_TOLD: Final = 20
# Critical first, then newest first. By the plain column, so that an index gives the order with and
# without a filter by severity; that the words sort like this is held by a test.
WORST_FIRST: Final = ("severity", "-started_at", "-pk")


def found(asked: Mapping[str, Any], filters: type[Filters] = AlertFilters) -> QuerySet[Episode]:
    """The episodes that match the validated values of `filters`, newest first."""
    return Episode.objects.filter(filters.condition(asked)).order_by("-started_at", "-pk")


def with_history(rows: QuerySet[Episode]) -> QuerySet[Episode]:
    """The same with what became of each: a few statements more, whatever the number of rows."""
    notifications = Notification.objects.select_related("channel").order_by("-pk")[:MOST_TOLD]
    return rows.prefetch_related(
        Prefetch("notifications", notifications, to_attr="told"),
        Prefetch("decisions", Decision.objects.order_by("-pk")[:MOST_TOLD], to_attr="decided"),
        Prefetch(
            "acknowledgements",
            Acknowledgement.objects.order_by("-pk")[:MOST_TOLD],
            to_attr="taken",
        ),
        "escalations__escalation",
        "incidents",
    )


def latest_decisions(episodes: Sequence[UUID]) -> dict[UUID, Decision]:
    """The last decision on each of these episodes."""
    rows = Decision.objects.filter(episode__in=episodes).order_by("episode_id", "-pk")
    return {row.episode_id: row for row in rows.distinct("episode_id")}
