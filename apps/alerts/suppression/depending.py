"""Reason: a service this one depends on is no better off."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.alerts.machine import ACTIVE, OPEN, RANK, Severity
from apps.alerts.matchers import labels_of
from apps.alerts.models import Dependency, Episode
from apps.alerts.suppression.verdict import Case, Hearing, Kind, Suppression, hold_until

# Labels that name the service of an alert, the first that is there counts.
SERVICE_LABELS: Final = ("service.name", "service")
MOST_PARENTS: Final = 5000
_DEEPEST: Final = 20

Graph = Mapping[str, frozenset[str]]


def service_of(labels: Mapping[str, str]) -> str:
    """The service an alert speaks of; empty: none."""
    return next((labels[name] for name in SERVICE_LABELS if labels.get(name)), "")


def graph() -> Graph:
    """Who depends on whom directly: service → its parents."""
    parents: dict[str, set[str]] = defaultdict(set)
    edges = Dependency.objects.filter(enabled=True).values_list("child", "parent")
    for child, parent in edges:
        parents[child].add(parent)
    return {child: frozenset(found) for child, found in parents.items()}


def ancestors(edges: Graph, service: str) -> set[str]:
    """All a service depends on, near and far; itself only where the graph has a cycle."""
    seen: set[str] = set()
    left = [service]
    while left:
        for parent in edges.get(left.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                left.append(parent)
    return seen


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Alerts of services one of whose parents fires at least as badly."""
    edges = graph()
    concerned = [case for case in hearing.cases if service_of(case.labels) in edges]
    if not concerned:
        return {}
    wanted = {service_of(case.labels) for case in concerned}
    wanted |= {one for service in wanted for one in ancestors(edges, service)}
    firing, pending = _alerts_of(wanted)
    verdicts: dict[UUID, Suppression] = {}
    for case in concerned:
        verdict = _verdict(hearing, case, edges, firing, pending)
        if verdict is not None:
            verdicts[case.episode.pk] = verdict
    return verdicts


def _verdict(
    hearing: Hearing,
    case: Case,
    edges: Graph,
    firing: Mapping[str, int],
    pending: Mapping[str, int],
) -> Suppression | None:
    service, rank = service_of(case.labels), RANK[Severity(case.episode.severity)]
    # Should two services ever depend on each other, neither hides the other.
    parents = sorted(
        one for one in edges[service] if service not in ancestors(edges, one) and one != service
    )
    down = [one for one in parents if firing.get(one, 0) >= rank]
    if down:
        root = _root(edges, down[0], firing, rank)
        return Suppression(
            Kind.DEPENDENCY,
            f"dependency:{root}",
            _("%(parent)s, which %(service)s depends on, has an alert of its own")
            % {"parent": root, "service": service},
        )
    soon = [one for one in parents if pending.get(one, 0) >= rank]
    until = hold_until(hearing, case) if soon else None
    if until is None:
        return None
    return Suppression(
        Kind.HELD,
        f"dependency:{soon[0]}",
        _("Waits for an alert of %(parent)s, which %(service)s depends on")
        % {"parent": soon[0], "service": service},
        until,
    )


def _root(edges: Graph, service: str, firing: Mapping[str, int], rank: int) -> str:
    """The furthest parent that fires, so that the reason names the cause and not a middleman."""
    for _step in range(_DEEPEST):
        further = sorted(one for one in edges.get(service, ()) if firing.get(one, 0) >= rank)
        if not further:
            break
        service = further[0]
    return service


def _alerts_of(services: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The worst rank of the open, and of the pending, alerts of each service."""
    either = Q()
    for name in SERVICE_LABELS:
        either |= Q(**{f"labels__{name}__in": sorted(services)})
    rows = Episode.objects.filter(either, state__in=ACTIVE).order_by("severity", "-started_at")
    firing: dict[str, int] = defaultdict(int)
    pending: dict[str, int] = defaultdict(int)
    for row in rows[:MOST_PARENTS]:
        ranks = firing if row.state in OPEN else pending
        service = service_of(labels_of(row))
        ranks[service] = max(ranks[service], RANK[Severity(row.severity)])
    return firing, pending
