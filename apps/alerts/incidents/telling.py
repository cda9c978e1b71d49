"""What happens to an incident, told to whom it concerns: the line of its log and the messages owed
are one transaction, so that each line is told once."""

from collections.abc import Sequence
from typing import Any, Final

from apps.alerts import conf
from apps.alerts.incident_machine import Status
from apps.alerts.incidents import concerned, log
from apps.alerts.incidents.figures import of as figures_of
from apps.alerts.models import Channel, Episode, Incident, IncidentEvent, Purpose
from apps.alerts.services.owe import owe

SYSTEM: Final = "system"
LINKED: Final = "episodes_linked"
_SHOWN: Final = 10


def note(
    incident: Incident,
    kind: str,
    by: str,
    text: str = "",
    /,
    *,
    news: Sequence[Episode] | None = None,
    **detail: Any,
) -> IncidentEvent:
    """Add a line to the log and owe everybody concerned a message about it.

    Belongs in the transaction of the change. `news`: the alerts that bring it about. The line keeps
    in `told` the numbers of the channels, for whoever heard of the beginning hears of the end.
    """
    audience = _audience(incident, kind, by, news, detail.get("after"))
    if audience:
        detail["told"] = sorted(audience)
    event = log.note(incident, kind, by, text, **detail)
    if not audience:
        return event
    payload = payload_for(incident, event, news)
    severity = concerned.severity_of(incident)
    for person in {one for _channel, one in audience.values()}:
        owe(
            [channel for channel, whose in audience.values() if whose == person],
            Purpose.INCIDENT, payload, news=f"incident|{incident.pk}|{event.pk}",
            incident=incident, person=person, severity=severity,
            priority=0 if kind != "status" and severity == "critical" else 1, reason=kind[:32],
        )  # fmt: skip
    return event


def payload_for(
    incident: Incident, event: IncidentEvent, news: Sequence[Episode] | None = None
) -> dict[str, Any]:
    """What a message about an incident tells, in the shape of any message, and `incident`."""
    known = figures_of(incident)
    over = incident.status in (Status.RESOLVED, Status.CLOSED)
    rules = _rules_of(incident) if news is None else {one.rule_name for one in news}
    return {
        "purpose": Purpose.INCIDENT.value,
        "episode": None,
        "rule": {"id": None, "name": incident.title, "summary": ""},
        "severity": str(concerned.severity_of(incident)),
        "state": str(incident.status),
        "scope": {},
        "breaches": [],
        "breaches_not_shown": 0,
        "since": incident.started_at.isoformat(),
        "ended_at": incident.resolved_at.isoformat() if over and incident.resolved_at else None,
        "duration_s": known.duration_s if over else None,
        "reason": "",
        "url": conf.incident_url(incident.pk),
        "incident": {
            "id": incident.pk, "title": incident.title, "summary": incident.summary[:2000],
            "severity": str(incident.severity), "status": str(incident.status), "event": event.kind,
            "by": event.actor, "text": event.text[:2000], "services": incident.services[:_SHOWN],
            "before": event.detail.get("before"), "after": event.detail.get("after"),
            "into": event.detail.get("into"), "rules": sorted(rules)[:_SHOWN],
        },
    }  # fmt: skip


def _audience(
    incident: Incident, kind: str, by: str, news: Sequence[Episode] | None, after: Any
) -> concerned.Audience:
    if kind == "status" and after == Status.CLOSED:
        return {}  # Its end was told when it was resolved; this is for the books.
    told = _told_before(incident)
    if kind == "merged" or (by == SYSTEM and after == Status.RESOLVED):
        return told | concerned.of_roles(incident)
    judged = by == SYSTEM
    found = concerned.of(incident, news, judged=judged)
    if kind == LINKED:
        # Those whom another alert concerns; everybody else knows.
        return {pk: one for pk, one in found.items() if pk not in told}
    if judged and news is not None and not found:
        return {}
    return told | found


def _told_before(incident: Incident) -> concerned.Audience:
    lines = IncidentEvent.objects.filter(incident=incident, detail__has_key="told")
    numbers = {pk for told in lines.values_list("detail__told", flat=True) for pk in told}
    return {one.pk: (one, None) for one in Channel.objects.filter(pk__in=numbers, enabled=True)}


def _rules_of(incident: Incident) -> set[str]:
    names = incident.episodes.order_by("rule_name").values_list("rule_name", flat=True)
    return set(names.distinct()[:_SHOWN])
