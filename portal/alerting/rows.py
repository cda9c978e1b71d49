"""What the board of open alerts shows, read in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Func, Q, QuerySet
from django.urls import reverse

from apps.alerts import listing
from apps.alerts.delivery.wording import figure
from apps.alerts.filters import BoardFilters
from apps.alerts.machine import Severity
from apps.alerts.models import Acknowledgement, Decision, Episode, Incident, Verdict
from apps.alerts.routing.words import what
from apps.core.counted import Counted, counted

MOST: Final = 100
# Beyond so many a count is written `10,000+`, as in the API's totals.
COUNTED: Final = 10_000


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
    """All that match, also those that are not drawn; each counted up to `COUNTED`."""

    open: Counted
    critical: Counted
    taken: Counted


@dataclass(frozen=True)
class Board:
    """What is drawn, and how many there are."""

    groups: list[Group]
    counts: Counts


def board(asked: Mapping[str, Any]) -> Board:
    """Of values of `BoardFilters`: the worst and newest alerts, at most `MOST`, in groups."""
    # One statement looks for those that match: to count them, and for which of them are drawn.
    matching = listing.found(asked, BoardFilters)
    worst = matching.order_by(*listing.WORST_FIRST)[: COUNTED + 1]
    found = worst.aggregate(
        open=Count("pk"),
        critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
        drawn=Func(ArrayAgg("pk"), template=f"(%(expressions)s)[:{MOST}]"),
    )
    rows = _rows(found["drawn"] or [])
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_group_of(row.episode, asked["group"]), []).append(row)
    return Board(
        [Group(name, members) for name, members in groups.items()],
        Counts(
            Counted(found["open"], most=COUNTED),
            # The critical ones come first: as many as are among these, or more than are counted.
            Counted(found["critical"], most=COUNTED),
            _taken(asked["taken"], matching, rows, found["open"]),
        ),
    )


def _taken(word: str, matching: QuerySet[Episode], rows: Sequence[Row], found: int) -> Counted:
    if len(rows) == found:
        return Counted(sum(row.taken is not None for row in rows), most=COUNTED)
    if word:
        return Counted(found if word == "yes" else 0, most=COUNTED)
    held = Acknowledgement.objects.filter(ended_at=None, episode__in=matching.order_by())
    return counted(held, COUNTED)


def _rows(ids: Sequence[UUID]) -> list[Row]:
    episodes = (
        Episode.objects.filter(pk__in=ids)
        .select_related("rule")
        .prefetch_related("incidents")
        .order_by(*listing.WORST_FIRST)
    )
    taken = {
        row.episode_id: row
        for row in Acknowledgement.objects.filter(episode__in=ids, ended_at=None)
    }
    decided = listing.latest_decisions(ids)
    charts = reverse("metrics")
    return [_row(episode, taken, decided, charts) for episode in episodes]


def _group_of(episode: Episode, by: str) -> str:
    if by == "rule":
        return episode.rule_name
    if by == "service":
        return str(episode.labels.get("service.name", "–"))
    return str(episode.get_severity_display()) if by == "severity" else ""


def _row(
    episode: Episode,
    taken: Mapping[UUID, Acknowledgement],
    decided: Mapping[UUID, Decision],
    charts: str,
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
        chart=f"{charts}?{_chart(episode)}" if own else "",
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
    query: dict[str, Any] = {"name": episode.metric, "from": "now-3h", "to": "now"}
    where = [f"{name}={value}" for name, value in sorted(episode.labels.items())]
    return urlencode({**query, "where": where}, doseq=True)
