"""The board of open alerts: what is wrong now, since when, and who has it."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.alerts.clock import db_now
from apps.alerts.filters import BoardFilters
from apps.alerts.models import Episode, Rule
from apps.alerts.services import acknowledgements, silences
from apps.core.api import filters
from apps.core.errors import PortalError
from apps.core.text import check_form, storable
from portal.alerting import rows, topic
from portal.evidence.guard import in_shell
from portal.pages import render

_FIELDS: Final = ("severity", "taken", "state", "group", "service", "rule", "label")
_SILENCED_FOR: Final = timedelta(hours=1)
_MOST_AT_ONCE: Final = 200
ACKNOWLEDGE: Final = "alerts.add_acknowledgement"
LET_GO: Final = "alerts.change_acknowledgement"
SILENCE: Final = "alerts.add_silence"


@in_shell("alerts.view_episode")
def page(request: HttpRequest) -> HttpResponse:
    """Open alerts, the worst first."""
    asked = _asked(request.GET)
    found = rows.board(asked.values)
    context: dict[str, Any] = {
        "title": _("Alerts"),
        "asked": asked,
        "groups": found.groups,
        "shown": sum(len(group.rows) for group in found.groups),
        "counts": found.counts,
        "filtered": bool(asked.address("group")),
        "any_rule": bool(found.groups) or Rule.objects.filter(enabled=True).exists(),
        "topic": topic.NAME,
        "export": f"{reverse('alerts')}?{asked.address('group')}&format=csv",
        "may_take": request.user.has_perm(ACKNOWLEDGE),
        "may_let_go": request.user.has_perm(LET_GO),
        "may_silence": request.user.has_perm(SILENCE),
        "may_see_incidents": request.user.has_perm("alerts.view_incident"),
        "back": request.GET.urlencode(),
        "acts": {verb: reverse("alert-board-act", args=[verb]) for verb in _VERBS},
    }
    return render(request, "pages/alert_board.html", context, status=400 if asked.mistakes else 200)


def _asked(query: QueryDict) -> filters.Asked:
    if query.get("state") == "all":
        # What the board called it once; elsewhere "all" is also what is over.
        query = query.copy()
        query["state"] = "active"
    return filters.read(query, BoardFilters, *_FIELDS)


@require_POST
@admin.site.admin_view
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """Take, let go or silence the chosen alerts, and go back to the board."""
    if verb not in _VERBS:
        raise Http404
    permission, do = _VERBS[verb]
    if not request.user.has_perm(permission):
        raise PermissionDenied
    try:
        check_form(request.POST)
        done = do(_chosen(request), request)
    except PortalError as error:
        messages.error(request, str(error.words))
    else:
        words = ngettext("Done for %(n)d alert.", "Done for %(n)d alerts.", done)
        messages.success(request, words % {"n": done})
    back = QueryDict(storable(request.POST.get("back", ""))[:4000]).urlencode()
    return redirect(f"{reverse('alert-board')}?{back}" if back else reverse("alert-board"))


def _chosen(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist("episode")[:_MOST_AT_ONCE]]
    except ValueError:
        raise Http404 from None


def _take(chosen: list[UUID], request: HttpRequest) -> int:
    return acknowledgements.acknowledge(
        chosen, request.user.get_username(), note=request.POST.get("note", "")
    )


def _let_go(chosen: list[UUID], request: HttpRequest) -> int:
    return acknowledgements.unacknowledge(chosen, request.user.get_username())


def _silence(chosen: list[UUID], request: HttpRequest) -> int:
    by = request.user.get_username()
    comment = request.POST.get("note", "").strip() or _("Silenced from the board.")
    episodes = list(Episode.objects.filter(pk__in=chosen))
    for episode in episodes:
        wish = silences.Wish(silences.for_episode(episode), db_now() + _SILENCED_FOR, comment)
        silences.create(wish, by)
    return len(episodes)


_VERBS: Final = {
    "acknowledge": (ACKNOWLEDGE, _take),
    "unacknowledge": (LET_GO, _let_go),
    "silence": (SILENCE, _silence),
}
