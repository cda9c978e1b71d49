"""What the board of open alerts shows, read in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse

from apps.alerts import listing
from apps.alerts.delivery.wording import figure
from apps.alerts.machine import ACTIVE, OPEN, Severity
from apps.alerts.models import Acknowledgement, Decision, Episode, Incident, Verdict
from apps.alerts.routing.words import what

MOST: Final = 200
GROUPS: Final = ("rule", "service", "severity", "none")
_RANKED = Case(
    When(severity=Severity.CRITICAL, then=Value(0)), default=Value(1), output_field=IntegerField()
)


@dataclass(frozen=True)
class Filters:
    """What the address asks for."""

    severity: str = ""
    service: str = ""
    rule: str = ""
    label: Mapping[str, str] = field(default_factory=dict)
    state: str = "open"
    taken: str = ""
    group: str = "rule"

    def episodes(self) -> QuerySet[Episode]:
        """The open episodes that match."""
        return listing.found(
            listing.Wanted(
                states=[str(one) for one in (ACTIVE if self.state == "all" else OPEN)],
                severities=[self.severity] if self.severity else [],
                labels=self.label,
                service=self.service,
                rule=self.rule,
                acknowledged={"yes": True, "no": False}.get(self.taken),
            )
        )


@dataclass(frozen=True)
class Row:
    """One alert as the board draws it."""

    episode: Episode
    since: datetime
    value: str
    threshold: str
    labels: list[tuple[str, str]]
    stale_since: datetime | None
    taken: Acknowledgement | None
    held: Decision | None
    incidents: Sequence[Incident]
    chart: str

    @property
    def held_because(self) -> Any:
        """Why nobody is told of it, in words; empty while nothing holds it back."""
        return what(self.held.reason) if self.held else ""


@dataclass(frozen=True)
class Group:
    """Alerts that belong together."""

    name: str
    rows: list[Row]

    @property
    def critical(self) -> int:
        return sum(row.episode.severity == Severity.CRITICAL for row in self.rows)


@dataclass(frozen=True)
class Counts:
    """All that match, also those that are not drawn."""

    open: int
    critical: int
    taken: int


def counts(filters: Filters) -> Counts:
    """How many match."""
    taken = Q(pk__in=Acknowledgement.objects.filter(ended_at=None).values("episode"))
    found = (
        filters.episodes()
        .order_by()
        .aggregate(
            open=Count("pk"),
            critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
            taken=Count("pk", filter=taken),
        )
    )
    return Counts(**found)


def groups(filters: Filters) -> list[Group]:
    """The worst and newest alerts that match, at most 200, in their groups."""
    rows = (
        filters.episodes()
        .select_related("rule")
        .prefetch_related("incidents")
        .order_by(_RANKED, "-started_at", "-pk")[:MOST]
    )
    episodes = list(rows)
    ids = [episode.pk for episode in episodes]
    taken = {
        row.episode_id: row
        for row in Acknowledgement.objects.filter(episode__in=ids, ended_at=None)
    }
    decided = listing.latest_decisions(ids)
    found: dict[str, list[Row]] = {}
    for episode in episodes:
        row = _row(episode, taken, decided)
        found.setdefault(_group_of(episode, filters.group), []).append(row)
    return [Group(name, members) for name, members in found.items()]


def _group_of(episode: Episode, by: str) -> str:
    if by == "rule":
        return episode.rule_name
    if by == "service":
        return str(episode.labels.get("service.name", "–"))
    return str(episode.get_severity_display()) if by == "severity" else ""


def _row(
    episode: Episode, taken: Mapping[UUID, Acknowledgement], decided: Mapping[UUID, Decision]
) -> Row:
    rule = episode.rule
    own = rule is not None and rule.metric == episode.metric
    aggregation = rule.aggregation if rule is not None and own else ""
    sign = ">" if episode.direction == "above" else "<"
    limit = figure(episode.threshold, episode.unit, aggregation)
    shown = figure(episode.value, episode.unit, aggregation)
    held = decided.get(episode.pk)
    return Row(
        episode=episode,
        since=episode.fired_at or episode.started_at,
        # Other systems send no value: that is not a lack of data.
        value="" if episode.source and episode.value is None else shown,
        threshold="" if episode.threshold is None else f"{sign} {limit}",
        labels=sorted(_told_apart(episode).items()),
        stale_since=(rule.unhealthy_since or rule.no_data_since) if rule and own else None,
        taken=taken.get(episode.pk),
        held=held if held is not None and held.verdict == Verdict.SUPPRESSED else None,
        incidents=list(episode.incidents.all()),
        chart=_chart(episode) if own else "",
    )


def _told_apart(episode: Episode) -> dict[str, str]:
    """Its labels, without those of other systems that only say its name and severity again."""
    again = {"alertname": episode.rule_name, "severity": episode.severity}
    return {
        key: value
        for key, value in episode.labels.items()
        if not episode.source or again.get(key) != value
    }


def _chart(episode: Episode) -> str:
    """The metric's page around the beginning of the alert, in the alert's scope."""
    query: dict[str, Any] = {"metric": episode.metric, "from": "now-3h", "to": "now"}
    where = [f"{name}={value}" for name, value in sorted(episode.labels.items())]
    return f"{reverse('metrics')}?{urlencode({**query, 'where': where}, doseq=True)}"
