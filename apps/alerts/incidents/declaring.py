"""How an incident begins: by a rule, a person, an escalation or a program, once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import RANK, IncidentSeverity, Status, severity_of
from apps.alerts.incidents import log, telling
from apps.alerts.incidents.moving import reopen
from apps.alerts.models import Episode, Incident, IncidentEpisode
from apps.alerts.models.incident import LONGEST_KEY
from apps.core.clock import db_now
from apps.core.errors import InvalidInputError
from apps.monitoring import recorder

# What comes back so soon after its end is the same incident.
REOPENED_WITHIN: Final = timedelta(minutes=30)
_MOST_SERVICES: Final = 50
# Nobody means an earlier beginning; a clock that is wrong does.
_LONGEST_AGO: Final = timedelta(days=366)
SERVICE: Final = "service.name"


@dataclass(frozen=True, slots=True)
class About:
    """What else may be known of a new incident. `started_at`: when users began to be hurt."""

    summary: str = ""
    services: Sequence[str] = ()
    started_at: datetime | None = None
    auto_resolve: bool = False


NOTHING: Final = About()


def declare(
    key: str,
    title: str,
    severity: str,
    *,
    by: str,
    episodes: Iterable[Episode] = (),
    source: str = "",
    about: About = NOTHING,
    once: bool = False,
) -> Incident:
    """The unresolved incident of `key`, made now if there is none; `episodes` become part of it.

    One that ended less than half an hour ago is opened again. `once`: whatever became of the
    first incident of this key, there is never a second. An alert's severity will do. Any number
    of callers at once get the same one. Raises InvalidInputError.
    """
    wanted = _severity(severity)
    key = log.sound(key, LONGEST_KEY, _("The key of an incident"))
    title = log.sound(title, 300, _("The title of an incident"))
    found = list(episodes)
    with transaction.atomic():
        _alone(key)
        incident = _current(key, found, once=once)
        if incident is None:
            incident = _create(
                Incident(
                    key=key, title=title, severity=wanted, declared_by=by[:200], source=source,
                    auto_resolve=about.auto_resolve,
                    summary=about.summary.replace("\0", "")[:10_000],
                ),
                found,
                about,
            )  # fmt: skip
            recorder.count("pharos.incident.declared", attrs={"severity": wanted.value})
        else:
            raise_severity(incident, wanted, by, found)
        attach(incident, found, by)
    return incident


def attach(incident: Incident, episodes: Sequence[Episode], by: str) -> int:
    """Make episodes part of an incident; how many were not yet. For its caller's transaction."""
    if not episodes:
        return 0
    known = set(
        IncidentEpisode.objects.filter(incident=incident, episode__in=episodes).values_list(
            "episode_id", flat=True
        )
    )
    new = [episode for episode in episodes if episode.pk not in known]
    IncidentEpisode.objects.bulk_create(
        [IncidentEpisode(incident=incident, episode=one, by=by[:200]) for one in new],
        ignore_conflicts=True,
    )
    if new:
        telling.note(
            incident, telling.LINKED, by, news=new,
            episodes=[str(one.pk) for one in new[:20]], n=len(new),
            rules=sorted({one.rule_name for one in new})[:20],
        )  # fmt: skip
        more = sorted({*incident.services, *services_of(new)})[:_MOST_SERVICES]
        if more != incident.services:
            Incident.objects.filter(pk=incident.pk).update(services=more)
            incident.services = more
    return len(new)


def raise_severity(
    incident: Incident, severity: IncidentSeverity, by: str, news: Sequence[Episode]
) -> None:
    """Worse news make an incident worse; better ones are for people to judge."""
    lower = [str(one) for one in RANK if RANK[one] < RANK[severity]]
    before = incident.severity
    if Incident.objects.filter(pk=incident.pk, severity__in=lower).update(severity=severity):
        incident.severity = severity
        telling.note(
            incident, "severity", by, news=news or None, before=before, after=severity.value
        )


def services_of(episodes: Iterable[Episode]) -> set[str]:
    """The services that these are about, by their labels."""
    return {
        str(one.labels.get(SERVICE) or one.labels.get("service") or "")[:600] for one in episodes
    } - {""}


def _severity(word: str) -> IncidentSeverity:
    found = severity_of(word)
    if found is None:
        raise InvalidInputError(
            _("The severity of an incident is one of: %(known)s.")
            % {"known": ", ".join(IncidentSeverity)}
        )
    return found


def _alone(key: str) -> None:
    """Hold off others that would declare the same, until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 170))", [key])


def _current(key: str, news: Sequence[Episode], *, once: bool) -> Incident | None:
    newest = Incident.objects.filter(key=key).select_related("merged_into").order_by("-pk").first()
    if newest is None:
        return None
    if newest.merged_into is not None and (once or newest.merged_into.unresolved):
        return newest.merged_into
    if once or newest.unresolved:
        return newest
    soon = newest.resolved_at is not None and db_now() - newest.resolved_at < REOPENED_WITHIN
    if newest.status == Status.RESOLVED and soon and newest.merged_into is None:
        reopen(newest, telling.SYSTEM, news=news or None, reason="came_back")
        return newest
    return None


def _create(incident: Incident, episodes: Sequence[Episode], about: About) -> Incident:
    now = db_now()
    begun = [one.started_at for one in episodes] or [now]
    fired = [one.fired_at for one in episodes if one.fired_at is not None] or [now]
    incident.declared_at = incident.changed_at = now
    incident.started_at = max(min(about.started_at or now, *begun), now - _LONGEST_AGO)
    incident.detected_at = min(now, *fired)
    incident.services = sorted({*about.services, *services_of(episodes)})[:_MOST_SERVICES]
    incident.save(force_insert=True)
    telling.note(
        incident, "declared", incident.declared_by, incident.title, news=episodes or None,
        severity=incident.severity, source=incident.source,
    )  # fmt: skip
    return incident
