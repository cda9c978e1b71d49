"""Which episodes a list shows: what the board, the alerts and the history have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from apps.alerts.machine import Severity
from apps.alerts.models import Acknowledgement, Decision, Episode, Notification

# Of one episode a list tells at most so many messages and decisions; its own page has all.
MOST_TOLD: Final = 20
_SERVICE: Final = "service.name"
# Critical first, then newest first. By the plain column, so that an index gives the order with and
# without a filter by severity; that the words sort like this is held by a test.
WORST_FIRST: Final = ("severity", "-started_at", "-pk")


@dataclass(frozen=True)
class Wanted:
    """Filters; empty means any. `labels` must all be there; `rule` is a rule's id, or a part of
    its name; `since` and `until` bound the beginning, half-open."""

    states: Sequence[str] = ()
    severities: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    rule: str = ""
    source: str = ""
    acknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def found(wanted: Wanted) -> QuerySet[Episode]:
    """The episodes that match, newest first."""
    rows = Episode.objects.order_by("-started_at", "-pk")
    labels = {**wanted.labels, **({_SERVICE: wanted.service} if wanted.service else {})}
    conditions = {
        "state__in": list(wanted.states),
        # All of them are no condition, and one that keeps an index from giving the order.
        "severity__in": list(wanted.severities) if len(wanted.severities) < len(Severity) else [],
        "labels__contains": labels,
        "source": wanted.source,
        "started_at__gte": wanted.since,
        "started_at__lt": wanted.until,
    }
    rows = rows.filter(**{name: value for name, value in conditions.items() if value})
    if wanted.rule:
        rows = rows.filter(_rule(wanted.rule))
    if wanted.acknowledged is not None:
        taken = Acknowledgement.objects.filter(ended_at=None).values("episode")
        rows = rows.filter(Q(pk__in=taken) if wanted.acknowledged else ~Q(pk__in=taken))
    return rows


def _rule(text: str) -> Q:
    # A number that no bigint holds is no id, but may be part of a name.
    by_name = Q(rule_name__icontains=text)
    is_id = text.isascii() and text.isdigit() and len(text) < 19
    return by_name | Q(rule=int(text)) if is_id else by_name


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
