"""Everything that is known to have happened around an incident, in one order.

Nothing here is kept: it is read from logs that are never edited – the incident's own, those of its
episodes, the notifications, and the deployments of its services.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from apps.alerts.models import Episode, EpisodeEvent, Incident, IncidentEvent, Notification
from apps.core.clock import db_now
from apps.monitoring.models import Deployment

# A change before the beginning is the first suspect.
BEFORE: Final = timedelta(hours=2)
MOST: Final = 2000
_OF_OUTBOX: Final = "notification_"


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry. `origin`: incident, alert, notification or deployment; `event`: the id of an
    incident's own line; `ref`: the episode, notification or deployment it tells of."""

    at: datetime
    origin: str
    kind: str
    actor: str = ""
    text: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    event: int | None = None
    struck_by: str = ""
    ref: str = ""


def timeline(incident: Incident) -> list[Moment]:
    """All moments, oldest first, at most `MOST` of each origin; a fixed number of queries."""
    episodes = list(incident.episodes.order_by("started_at", "pk")[:MOST])
    moments = [
        *_own(incident),
        *_of_alerts(episodes),
        *_of_notifications(incident, episodes),
        *_of_deployments(incident),
    ]
    return sorted(moments, key=lambda one: one.at)


def deployments_near(incident: Incident) -> list[Deployment]:
    """What went live in the incident's services from two hours before it to its end."""
    if not incident.services:
        return []
    until = incident.resolved_at or db_now()
    return list(
        Deployment.objects.filter(
            service__in=incident.services, at__gte=incident.started_at - BEFORE, at__lte=until
        ).order_by("at")[:100]
    )


def _own(incident: Incident) -> Iterator[Moment]:
    for row in IncidentEvent.objects.filter(incident=incident).order_by("pk")[:MOST]:
        yield Moment(
            row.at, "incident", row.kind, row.actor, row.text, row.detail, row.pk, row.struck_by
        )


def _of_alerts(episodes: list[Episode]) -> Iterator[Moment]:
    named = {episode.pk: episode for episode in episodes}
    rows = EpisodeEvent.objects.filter(episode__in=episodes).order_by("at", "pk")[:MOST]
    for row in rows:
        if row.kind.startswith(_OF_OUTBOX):
            continue  # Told with the notification itself.
        episode = named[row.episode_id]
        yield Moment(
            row.at, "alert", row.kind, str(row.detail.get("by", "")), episode.rule_name,
            {"labels": episode.labels, **row.detail}, ref=str(episode.pk),
        )  # fmt: skip


def _of_notifications(incident: Incident, episodes: list[Episode]) -> Iterator[Moment]:
    rows = (
        Notification.objects.filter(Q(episode__in=episodes) | Q(incident=incident))
        .select_related("channel")
        .defer("payload")
        .order_by("pk")[:MOST]
    )
    for row in rows:
        yield Moment(
            row.sent_at or row.created_at, "notification", row.state, "",
            row.channel.name if row.channel else "",
            {"purpose": row.purpose, "attempts": row.attempt, "error": row.error},
            ref=str(row.pk),
        )  # fmt: skip


def _of_deployments(incident: Incident) -> Iterator[Moment]:
    for row in deployments_near(incident):
        yield Moment(
            row.at, "deployment", "deployed", "", f"{row.service} {row.version}",
            {"environment": row.environment, "source": row.source}, ref=str(row.pk),
        )  # fmt: skip
