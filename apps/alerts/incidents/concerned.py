"""Who is concerned by an incident: the receivers of its alerts, who was paged, who holds a role."""

from collections.abc import Sequence
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Q

from apps.alerts.clock import db_now
from apps.alerts.delivery import NOTIFIERS
from apps.alerts.incident_machine import IncidentSeverity
from apps.alerts.machine import Severity
from apps.alerts.matchers import labels_of
from apps.alerts.models import Channel, Episode, Incident, Notification, Purpose, Route
from apps.alerts.oncall.reach import contacts_of
from apps.alerts.suppression import Kind, judge

# Of its alerts; the newest ones.
_LOOKED_AT: Final = 200
Audience = dict[int, tuple[Channel, User | None]]


def severity_of(incident: Incident) -> Severity:
    """What contact methods and caps take the severity of an incident for."""
    critical = incident.severity == IncidentSeverity.CRITICAL
    return Severity.CRITICAL if critical else Severity.WARNING


def of(incident: Incident, news: Sequence[Episode] | None = None, *, judged: bool) -> Audience:
    """Channels by their number, each with the person it belongs to, if any.

    `news`: the alerts that bring this about; None: all that belong to it. `judged`: alerts that are
    held back by a silence, an acknowledgement or the like speak to nobody. Without any alert the
    routes of its services are asked. A handful of queries.
    """
    episodes = list(news[:_LOOKED_AT]) if news is not None else _linked(incident)
    found: Audience = {}
    if episodes:
        channels = _of_alerts(episodes, judged=judged)
        if judged and not channels:
            return {}
        for row in _paged(episodes):
            if row.channel is not None and row.channel.enabled:
                found.setdefault(row.channel.pk, (row.channel, row.person))
    else:
        channels = _of_services(incident)
    for channel in channels:
        found.setdefault(channel.pk, (channel, None))
    return found | of_roles(incident)


def _linked(incident: Incident) -> list[Episode]:
    return list(incident.episodes.order_by("-started_at", "pk")[:_LOOKED_AT])


def _of_alerts(episodes: Sequence[Episode], *, judged: bool) -> list[Channel]:
    # Routing stands on evaluation, which opens incidents.
    from apps.alerts.routing import tree

    root = tree.load()
    by_route: dict[int, list[Episode]] = {}
    receivers: dict[int, int] = {}
    for episode in episodes:
        for node in tree.matching(root, labels_of(episode)) if root else []:
            if node.options.receiver_id is not None:
                by_route.setdefault(node.id, []).append(episode)
                receivers[node.id] = node.options.receiver_id
    routes = Route.objects.in_bulk(by_route) if judged else {}
    told = {
        receivers[pk]
        for pk, mine in by_route.items()
        if not judged or _speaks(mine, routes.get(pk))
    }
    loud = episodes if not judged else _loud(episodes, None)
    rules = {one.rule_id for one in loud if one.rule_id is not None}
    channels = Channel.objects.filter(Q(receivers__in=told) | Q(rules__in=rules), enabled=True)
    # A pager's service has the alert itself: the incident would page a second time for it.
    pagers = [kind for kind, one in NOTIFIERS.items() if one.one_alert_a_group]
    return list(channels.exclude(kind__in=pagers).distinct().order_by("pk"))


def _speaks(episodes: Sequence[Episode], route: Route | None) -> bool:
    return bool(_loud(episodes, route))


def _loud(episodes: Sequence[Episode], route: Route | None) -> list[Episode]:
    """Those that nothing holds back; to wait for an explanation is no reason here."""
    verdicts = judge(episodes, db_now(), route=route)
    return [
        one
        for one in episodes
        if (held := verdicts[one.pk]) is None or held.kind is Kind.HELD
    ]  # fmt: skip


def _of_services(incident: Incident) -> list[Channel]:
    from apps.alerts.routing import tree

    root = tree.load()
    known = {"alertname": incident.title, "severity": str(severity_of(incident))}
    cases = [{**known, "service.name": one, "service": one} for one in incident.services] or [known]
    nodes = [node for labels in cases for node in (tree.matching(root, labels) if root else [])]
    told = {node.options.receiver_id for node in nodes} - {None}
    channels = Channel.objects.filter(receivers__in=told, enabled=True)
    return list(channels.distinct().order_by("pk"))


def _paged(episodes: Sequence[Episode]) -> list[Notification]:
    rows = Notification.objects.filter(
        episode__in=episodes, purpose=Purpose.ESCALATION, channel__isnull=False
    ).select_related("channel", "person")
    return list(rows.order_by("channel_id", "person_id", "-pk").distinct("channel_id", "person_id"))


def of_roles(incident: Incident) -> Audience:
    """The ways to those who hold a role in it."""
    people = [row.person for row in incident.roles.select_related("person")]
    ways = contacts_of(people, severity_of(incident)) if people else {}
    return {
        channel.pk: (channel, person) for person in people for channel in ways.get(person.pk, [])
    }
