"""The rows of an escalation: read, written back only as they were read, and told in timelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import F

from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Episode, EpisodeEvent, Escalation, MemberState
from apps.core.errors import ConflictError

# The timeline of more episodes than this says the same thing too often.
_MOST_EVENTS: Final = 200


def save(row: Escalation, **columns: Any) -> None:
    """Write columns of a row that is still as it was read. Raises ConflictError otherwise."""
    unchanged = Escalation.objects.filter(pk=row.pk, version=row.version)
    if unchanged.update(version=F("version") + 1, **columns) != 1:
        raise ConflictError("The escalation was changed meanwhile.")
    row.version += 1
    for name, value in columns.items():
        setattr(row, name, value)


def open_episodes(row: Escalation) -> list[Episode]:
    """What it still escalates, worst and then oldest first."""
    found = Episode.objects.filter(
        escalations__escalation=row, escalations__state=MemberState.OPEN
    ).select_related("rule")
    return sorted(found, key=lambda one: (-RANK[Severity(one.severity)], one.started_at, one.pk))


def note(
    row: Escalation, episodes: Sequence[Episode], what: str, at: datetime, **detail: Any
) -> None:
    """Enter what happened into the timeline of every episode."""
    told = {"escalation": row.pk, "policy": row.policy_name, "round": row.round, **detail}
    EpisodeEvent.objects.bulk_create(
        EpisodeEvent(episode=episode, at=at, kind=f"escalation_{what}", detail=told)
        for episode in episodes[:_MOST_EVENTS]
    )
