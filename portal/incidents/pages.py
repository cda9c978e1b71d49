"""Incidents: the list, one of them as it goes on, and what was learned from it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.alerts.filters import IncidentFilters
from apps.alerts.incident_machine import NEXT, ROLES, SEVERITIES, STATUSES, UNRESOLVED, Status
from apps.alerts.incidents import figures, postmortem
from apps.alerts.incidents.timeline import Moment, deployments_near, timeline
from apps.alerts.incidents.wording import sentence
from apps.alerts.models import Incident, IncidentLink, StatusPage
from apps.core.api import filters
from apps.core.api.errors import wants_json
from apps.core.errors import NotFoundError
from portal.evidence.guard import in_shell
from portal.incidents.advice import next_steps
from portal.pages import render

_MOST: Final = 100
_FILTERS: Final = ("status", "severity", "service", "text")
_LEAD: Final = timedelta(minutes=15)


def for_people(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page whose address without its last slash is the API's: programs find nothing here."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if wants_json(request):
            raise Http404
        return view(request, *args, **kwargs)

    return page


@for_people
@in_shell("alerts.view_incident")
def listing(request: HttpRequest) -> HttpResponse:
    """The newest that pass the filters."""
    asked = filters.read(request.GET, IncidentFilters, *_FILTERS)
    rows = Incident.objects.filter(IncidentFilters.condition(asked.values))
    rows = rows.prefetch_related("roles__person").order_by("-declared_at", "-pk")
    found = list(rows[:_MOST])
    now = timezone.now()
    context: dict[str, Any] = {
        "title": _("Incidents"),
        "rows": [(row, figures.of(row), _held(row)) for row in found],
        "means": figures.by_service(now - timedelta(days=30), now)[:6],
        "asked": asked,
        "severities": SEVERITIES,
        "full": len(found) == _MOST,
        "any": bool(found) or Incident.objects.exists(),
        "export": f"{reverse('incident-list')}?{asked.address()}&format=csv",
        "may_declare": request.user.has_perm("alerts.add_incident"),
    }
    return render(request, "pages/incidents.html", context, status=400 if asked.mistakes else 200)


@for_people
@in_shell("alerts.view_incident")
def detail(request: HttpRequest, number: int) -> HttpResponse:
    """One incident: what happened, what is to be done next, and all that belongs to it."""
    incident = Incident.objects.select_related("merged_into").filter(pk=number).first()
    if incident is None:
        return _missing(request)
    roles = list(incident.roles.select_related("person"))
    tasks = list(incident.tasks.select_related("person"))
    newest = postmortem.latest(incident)
    notices = list(incident.notices.select_related("page")[:20])
    context: dict[str, Any] = {
        "title": incident.title,
        "incident": incident,
        "figures": figures.of(incident),
        "moments": [(one, sentence(one), _link_of(one)) for one in reversed(timeline(incident))],
        "episodes": list(incident.episodes.order_by("-started_at")[:_MOST]),
        "links": [(row, _href(row)) for row in incident.links.all()],
        "evidence": _evidence(incident),
        "deployments": deployments_near(incident),
        "roles": [(key, label, _holder(roles, key)) for key, label in ROLES],
        "tasks": tasks,
        "next_statuses": _next(incident),
        "steps": next_steps(incident, roles, tasks, newest, notices),
        "postmortem": newest,
        "notices": notices,
        "status_pages": list(StatusPage.objects.filter(enabled=True)[:20]),
        "people": list(
            User.objects.filter(is_active=True, is_staff=True).order_by("username")[:200]
        ),
        "severities": SEVERITIES,
        "may_change": request.user.has_perm("alerts.change_incident"),
        "may_publish": request.user.has_perm("alerts.add_statusupdate"),
        "unresolved": incident.status in UNRESOLVED,
    }
    return render(request, "pages/incident.html", context)


@in_shell("alerts.view_postmortem")
def learned(request: HttpRequest, number: int) -> HttpResponse:
    """The post-mortem: its newest version, or a draft, to be edited."""
    incident = Incident.objects.filter(pk=number).first()
    if incident is None:
        return _missing(request)
    versions = list(incident.postmortems.order_by("-version").defer("text")[:50])
    asked = request.GET.get("version", "")
    row = incident.postmortems.filter(version=int(asked)).first() if asked.isdecimal() and len(
        asked
    ) < 7 else postmortem.latest(incident)  # fmt: skip
    context = {
        "title": _("Post-mortem of #%(n)d") % {"n": incident.pk},
        "incident": incident,
        "row": row,
        "text": row.text if row else postmortem.draft(incident),
        "versions": versions,
        "newest": versions[0].version if versions else 0,
        "may_write": request.user.has_perm("alerts.change_postmortem"),
    }
    return render(request, "pages/postmortem.html", context)


@in_shell("alerts.view_postmortem")
def exported(request: HttpRequest, number: int) -> HttpResponse:  # noqa: ARG001
    """The newest version, or a draft, as a file."""
    incident = Incident.objects.filter(pk=number).first()
    if incident is None:
        raise NotFoundError("There is no such incident.")
    row = postmortem.latest(incident)
    answer = HttpResponse(
        row.text if row else postmortem.draft(incident), content_type="text/markdown; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="postmortem-{incident.pk}.md"'
    return answer


def _held(incident: Incident) -> str:
    return next(
        (r.person.get_username() for r in incident.roles.all() if r.role == "commander"), ""
    )


def _holder(roles: list[Any], key: str) -> Any:
    return next((row.person for row in roles if row.role == key), None)


def _next(incident: Incident) -> list[tuple[str, Any]]:
    if incident.merged_into_id is not None:
        return []
    words = dict(STATUSES)
    return [(status.value, words[status.value]) for status in NEXT[Status(incident.status)]]


def _evidence(incident: Incident) -> list[tuple[Any, str]]:
    """Where each service's lines and traces of that time are shown."""
    until = incident.resolved_at or timezone.now()
    span = {"from": _utc(incident.started_at - _LEAD), "to": _utc(until)}
    found: list[tuple[Any, str]] = []
    for service in incident.services[:5]:
        query = QueryDict(mutable=True)
        query.update({"service": service, **span})
        for words, page in ((_("Log lines"), "logs"), (_("Traces"), "traces"),
                            (_("Operations"), "performance")):  # fmt: skip
            found.append((f"{words}: {service}", f"{reverse(page)}?{query.urlencode()}"))
    return found


def _link_of(moment: Moment) -> str:
    if moment.origin == "alert":
        return reverse("admin:alerts_episode_change", args=[moment.ref])
    if moment.origin == "notification":
        return reverse("admin:alerts_notification_change", args=[moment.ref])
    return ""


def _href(row: IncidentLink) -> str:
    if row.kind == "trace":
        return reverse("trace", args=[row.ref])
    if row.kind == "bottleneck":
        return reverse("bottleneck", args=[row.ref])
    if row.kind == "proposal":
        return reverse("admin:core_proposal_change", args=[row.ref])
    return row.ref


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _missing(request: HttpRequest) -> HttpResponse:
    told = {"title": _("No such incident"), "message": _("It may have had another number.")}
    return render(request, "pages/problem.html", told, status=404)
