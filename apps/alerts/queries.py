"""What pages and the API show of the alert engine."""

from dataclasses import dataclass
from datetime import datetime

from apps.alerts.listing import WORST_FIRST
from apps.alerts.machine import OPEN
from apps.alerts.models import Episode, Notification, OutboxState, Rule
from apps.alerts.models.rule import RATIO
from apps.core.counted import Counted, counted


@dataclass(frozen=True)
class OpenEpisode:
    """One alert that is firing or recovering."""

    id: str
    rule: str
    metric: str
    unit: str
    aggregation: str
    labels: dict[str, str]
    direction: str
    value: float | None
    threshold: float | None
    severity: str
    state: str
    since: datetime
    # Set while the rule cannot be judged: value and state are as old as this.
    stale_since: datetime | None


@dataclass(frozen=True)
class RuleTrouble:
    """A rule that cannot be judged."""

    id: int
    name: str
    since: datetime
    error: str


def open_episodes(limit: int = 50) -> list[OpenEpisode]:
    """Firing and recovering episodes, critical first, then newest first."""
    rows = Episode.objects.filter(state__in=OPEN).select_related("rule")
    return [_open_episode(row) for row in rows.order_by(*WORST_FIRST)[:limit]]


def count_open(most: int) -> Counted:
    """How many episodes are firing or recovering, counted up to `most`."""
    return counted(Episode.objects.filter(state__in=OPEN), most)


def unhealthy_rules(limit: int = 50) -> list[RuleTrouble]:
    """Enabled rules that failed several times in a row, longest first."""
    rows = Rule.objects.filter(enabled=True, unhealthy_since__isnull=False)
    return [
        RuleTrouble(rule.pk, rule.name, rule.unhealthy_since, rule.last_error)
        for rule in rows.order_by("unhealthy_since")[:limit]
        if rule.unhealthy_since is not None
    ]


def dead_letters() -> int:
    """Messages that were given up."""
    return Notification.objects.filter(state=OutboxState.DEAD).count()


def _open_episode(row: Episode) -> OpenEpisode:
    rule = row.rule
    stale = rule.unhealthy_since or rule.no_data_since if rule else None
    return OpenEpisode(
        id=str(row.pk),
        rule=row.rule_name,
        metric=row.metric,
        # A ratio has no unit of the metric whose events it counts.
        unit="1" if rule and rule.aggregation == RATIO else row.unit,
        aggregation=rule.aggregation if rule else "",
        labels=row.labels,
        direction=row.direction,
        value=row.value,
        threshold=row.threshold,
        severity=row.severity,
        state=row.state,
        since=row.fired_at or row.started_at,
        stale_since=stale,
    )
