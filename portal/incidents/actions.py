"""What the forms of the incident pages do: each is one verb of `apps.alerts.incidents`."""

import secrets
from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.alerts import incidents
from apps.alerts.incidents import log, postmortem, statuspages, work
from apps.alerts.models import Incident
from apps.core.errors import InvalidInputError, PortalError
from apps.core.text import check_form

Verb = Callable[[Incident, QueryDict, str], Any]


@require_POST
@admin.site.admin_view
def declare(request: HttpRequest) -> HttpResponse:
    """Open an incident and go to it."""
    _permitted(request, "alerts.add_incident")
    form = request.POST
    try:
        check_form(form)
        incident = incidents.declare(
            # Of the form, so that sending it twice opens one.
            f"page:{_text(form, 'nonce', 64) or secrets.token_hex(16)}",
            _text(form, "title", 400), form.get("severity", ""), by=_name(request), source="person",
            about=incidents.About(summary=_text(form, "summary", 10_000)), once=True,
        )  # fmt: skip
    except PortalError as error:
        messages.error(request, str(error.words))
        return redirect("incidents")
    return redirect("incident", number=incident.pk)


@require_POST
@admin.site.admin_view
def act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Do one thing about an incident, and go back to it."""
    if verb not in _VERBS:
        raise Http404
    permission, do = _VERBS[verb]
    _permitted(request, permission)
    incident = Incident.objects.filter(pk=number).first()
    if incident is None:
        raise Http404
    try:
        check_form(request.POST)
        do(incident, request.POST, _name(request))
    except PortalError as error:
        messages.error(request, str(error.words))
    else:
        messages.success(request, _("Done."))
    return redirect("incident-learned" if verb == "postmortem" else "incident", number=number)


def _move(incident: Incident, form: QueryDict, by: str) -> None:
    seen = form.get("version", "")
    incidents.move(
        incident, form.get("status", ""), by, _text(form, "text", 10_000),
        version=int(seen) if seen.isdecimal() and len(seen) < 10 else None,
    )  # fmt: skip


def _describe(incident: Incident, form: QueryDict, by: str) -> None:
    told = {name: str(form[name]) for name in ("title", "summary", "severity") if name in form}
    work.describe(incident, by, **told)


def _role(incident: Incident, form: QueryDict, by: str) -> None:
    name = form.get("person", "")
    work.give_role(incident, form.get("role", ""), _person(name), by)


def _task(incident: Incident, form: QueryDict, by: str) -> None:
    work.add_task(
        incident, form.get("text", ""), by,
        person=_person(form.get("person", "")), afterwards="afterwards" in form,
    )  # fmt: skip


def _settle(incident: Incident, form: QueryDict, by: str) -> None:
    work.settle_task(incident, _number(form, "task"), form.get("state", ""), by)


def _link(incident: Incident, form: QueryDict, by: str) -> None:
    work.link(incident, form.get("kind", ""), form.get("ref", ""), by, _text(form, "title", 300))


def _merge(incident: Incident, form: QueryDict, by: str) -> None:
    into = Incident.objects.filter(pk=_number(form, "into")).first()
    if into is None:
        raise InvalidInputError(_("There is no such incident."))
    work.merge(incident, into, by)


def _write(incident: Incident, form: QueryDict, by: str) -> None:
    if "draft" in form:
        postmortem.save(incident, postmortem.draft(incident), by, generated=True)
    else:
        text = form.get("text", "").replace("\r\n", "\n")
        postmortem.save(incident, text, by, seen=_number(form, "version"))


def _publish(incident: Incident, form: QueryDict, by: str) -> None:
    statuspages.tell(
        incident,
        statuspages.News(
            page=_number(form, "page"), title=_text(form, "title", 200),
            text=_text(form, "text", 4000), stage=form.get("stage", ""),
            impact=form.get("impact", ""),
        ),
        by,
    )  # fmt: skip


_CHANGE: Final = "alerts.change_incident"
_VERBS: Final[dict[str, tuple[str, Verb]]] = {
    "status": (_CHANGE, _move),
    "describe": (_CHANGE, _describe),
    "role": (_CHANGE, _role),
    "comment": (
        _CHANGE, lambda incident, form, by: log.comment(incident, form.get("text", ""), by),
    ),
    "strike": (
        _CHANGE, lambda incident, form, by: log.strike(incident, _number(form, "event"), by),
    ),
    "task": (_CHANGE, _task),
    "settle": (_CHANGE, _settle),
    "link": (_CHANGE, _link),
    "merge": (_CHANGE, _merge),
    "postmortem": ("alerts.change_postmortem", _write),
    "publish": ("alerts.add_statusupdate", _publish),
}  # fmt: skip


def _permitted(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


def _text(form: QueryDict, name: str, longest: int) -> str:
    return form.get(name, "").replace("\0", "")[:longest]


def _number(form: QueryDict, name: str) -> int:
    text = form.get(name, "")
    if not (text.isdecimal() and len(text) < 19):
        raise InvalidInputError(_("%(name)s is not a number.") % {"name": name})
    return int(text)


def _person(name: str) -> User | None:
    if not name:
        return None
    found = User.objects.filter(username=name[:150].replace("\0", "")).first()
    if found is None:
        raise InvalidInputError(_("There is no such person."))
    return found
