"""Foreign alerts become episodes, in the transaction that tells their sender so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.alerts import incidents, routing
from apps.alerts.foreign.merging import Span, merged, span_of
from apps.alerts.foreign.told import Told, unique
from apps.alerts.machine import RANK, Effect, Reason, Severity, State
from apps.alerts.models import Episode, EpisodeEvent, ForeignAlert
from apps.core.clock import db_now
from apps.monitoring import recorder

_COLUMNS: Final = [
    "annotations", "generator_url", "starts_at", "ends_at", "timed", "updated_at", "episode",
]  # fmt: skip
_EPISODE_COLUMNS: Final = [
    "state", "severity", "summary", "external_url", "ended_at", "end_reason", "updated_at",
]  # fmt: skip
_AT_ONCE: Final = 500
IDLE_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells. `hold`: how long an alert lasts that is not told again and has no end."""

    source: str
    hold: timedelta
    opens_incident: bool = False


@dataclass
class _Changes:
    """What one batch changes, written in a handful of statements."""

    at: datetime
    new: list[Episode] = field(default_factory=list)
    changed: list[Episode] = field(default_factory=list)
    events: list[EpisodeEvent] = field(default_factory=list)
    fired: list[Episode] = field(default_factory=list)
    resolved: list[Episode] = field(default_factory=list)

    def note(self, episode: Episode, effect: Effect, **detail: object) -> None:
        """A line in the timeline of an episode."""
        told = {"value": None, "severity": episode.severity, **detail}
        self.events.append(
            EpisodeEvent(episode=episode, at=self.at, kind=effect.value, detail=told)
        )

    def end(self, episode: Episode, reason: Reason) -> None:
        """An episode that is over."""
        episode.state, episode.ended_at, episode.end_reason = State.RESOLVED, self.at, reason
        episode.updated_at = self.at
        self.changed.append(episode)
        self.resolved.append(episode)
        self.note(episode, Effect.RESOLVED, reason=reason.value)

    def write(self, sender: Sender | None = None) -> None:
        """Everything, and what follows from it. For the caller's transaction."""
        Episode.objects.bulk_create(self.new)
        Episode.objects.bulk_update(self.changed, _EPISODE_COLUMNS, batch_size=500)
        EpisodeEvent.objects.bulk_create(self.events)
        if self.fired or self.resolved:
            routing.enrol(self.fired, self.resolved, self.at)
        if sender is not None and sender.opens_incident:
            incidents.apart(_open_incidents, sender, self.fired)
        if self.resolved:
            incidents.apart(incidents.ended, self.resolved, self.at)
        for word, rows in (("fired", self.fired), ("resolved", self.resolved)):
            if rows:
                recorder.count(f"pharos.foreign_alert.{word}", len(rows), unit="{alert}")


def take(told: Sequence[Told], sender: Sender) -> int:
    """Take alerts in; how many different ones there were. Telling the same again changes nothing.

    All or none of a batch of 500 is kept when this is killed; the sender tells again.
    """
    found = list(unique(told).items())
    for start in range(0, len(found), _AT_ONCE):
        with transaction.atomic():
            _take(dict(found[start : start + _AT_ONCE]), sender)
    return len(found)


def end_due(limit: int = 1000) -> int:
    """End what was not told again in time; how many. Any number may run this at once."""
    with transaction.atomic():
        now = db_now()
        rows = list(
            ForeignAlert.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(episode__isnull=False, ends_at__lte=now)
            .select_related("episode")
            .order_by("ends_at", "pk")[:limit]
        )
        changes = _Changes(now)
        for row in rows:
            if row.episode is not None:
                changes.end(row.episode, Reason.MISSING_SERIES if row.timed else Reason.OK)
            row.episode = None
        ForeignAlert.objects.bulk_update(rows, ["episode"], batch_size=500)
        changes.write()
    return len(rows)


def prune(limit: int = 5000) -> int:
    """Forget label sets that ended long ago; their episodes stay."""
    old = ForeignAlert.objects.filter(
        episode__isnull=True, updated_at__lt=db_now() - IDLE_KEPT
    ).order_by("updated_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    return ForeignAlert.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _take(told: dict[str, Told], sender: Sender) -> None:
    now = db_now()
    rows = _rows(told, sender, now)
    changes = _Changes(now)
    for key, one in told.items():
        _apply(rows[key], one, sender, changes)
    changes.write(sender)
    ForeignAlert.objects.bulk_update(rows.values(), _COLUMNS, batch_size=500)


def _rows(told: dict[str, Told], sender: Sender, now: datetime) -> dict[str, ForeignAlert]:
    """The row of each, made where there was none, locked in one order."""
    fresh = [_fresh(key, one, sender, now) for key, one in told.items()]
    ForeignAlert.objects.bulk_create(fresh, ignore_conflicts=True)
    locked = (
        ForeignAlert.objects.select_for_update(of=("self",))
        .filter(source=sender.source, fingerprint__in=list(told))
        .select_related("episode")
        .order_by("fingerprint")
    )
    return {row.fingerprint: row for row in locked}


def _fresh(key: str, told: Told, sender: Sender, now: datetime) -> ForeignAlert:
    span = span_of(told, now, sender.hold)
    return ForeignAlert(
        source=sender.source, fingerprint=key, labels=dict(told.labels), starts_at=span.starts_at,
        # Not known to be active before it was applied.
        ends_at=span.starts_at, updated_at=now,
    )  # fmt: skip


def _apply(row: ForeignAlert, told: Told, sender: Sender, changes: _Changes) -> None:
    now, new = changes.at, span_of(told, changes.at, sender.hold)
    old = Span(row.starts_at, row.ends_at, row.timed)
    span = merged(old, new, now) if row.episode is not None else new
    row.starts_at, row.ends_at, row.timed = span.starts_at, span.ends_at, span.timed
    row.annotations, row.generator_url, row.updated_at = dict(told.annotations), told.url, now
    if row.episode is None:
        if not span.over(now):
            row.episode = _open(row, told, sender, changes)
    elif span.over(now):
        changes.end(row.episode, Reason.OK)
        row.episode = None
    else:
        _refresh(row.episode, told, changes)


def _open(row: ForeignAlert, told: Told, sender: Sender, changes: _Changes) -> Episode:
    episode = Episode(
        rule=None, rule_name=told.name[:200], fingerprint=row.fingerprint, labels=row.labels,
        metric="", direction="", state=State.FIRING, severity=told.severity,
        source=sender.source, external_url=told.url, summary=told.summary,
        started_at=row.starts_at, fired_at=changes.at, updated_at=changes.at,
    )  # fmt: skip
    changes.new.append(episode)
    changes.fired.append(episode)
    changes.note(episode, Effect.FIRED, source=sender.source, summary=told.summary)
    return episode


def _refresh(episode: Episode, told: Told, changes: _Changes) -> None:
    """The severity is a label, so it stays; only what is said about the alert can change."""
    if (episode.summary, episode.external_url) == (told.summary, told.url):
        return
    episode.summary, episode.external_url = told.summary, told.url
    episode.updated_at = changes.at
    changes.changed.append(episode)


def _open_incidents(sender: Sender, fired: Sequence[Episode]) -> None:
    by_name: dict[str, list[Episode]] = {}
    for episode in fired:
        if RANK[Severity(episode.severity)] >= RANK[Severity.CRITICAL]:
            by_name.setdefault(episode.rule_name, []).append(episode)
    for name, episodes in sorted(by_name.items()):
        incidents.declare(
            f"foreign:{sender.source}:{name}"[:200], name, Severity.CRITICAL,
            by="system", episodes=episodes, source=sender.source,
            about=incidents.About(summary=episodes[0].summary, auto_resolve=True),
        )  # fmt: skip
