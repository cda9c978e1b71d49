"""Bottlenecks by the time they cost, and one of them with its evidence."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.api import filters
from apps.core.errors import NotFoundError, PortalError
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange
from apps.monitoring.api.bottleneck_shapes import BottleneckParameters, wanted
from apps.monitoring.api.bottleneck_views import MOVES
from apps.monitoring.bottlenecks.kinds import BottleneckKind, Cause
from apps.monitoring.models import Bottleneck
from apps.monitoring.queries import bottlenecks as queries
from apps.monitoring.services import bottlenecks as services
from portal.bottlenecks.board import BottleneckBoard
from portal.bottlenecks.excerpt import excerpt
from portal.evidence.guard import in_shell
from portal.pages import render

_DEFAULT: Final = "now-6h"
_MOST: Final = 100
_FILTERS: Final = ("service", "route", "kind", "cause", "state")


@in_shell("monitoring.view_bottleneck")
def listing(request: HttpRequest) -> HttpResponse:
    """The costliest of the range."""
    choice = Choice.read(request.GET, _DEFAULT)
    given = filters.read(request.GET, BottleneckParameters, *_FILTERS)
    asked, mistakes = given.values, given.mistakes
    found = queries.costs(choice.time_range, wanted(asked), limit=_MOST)
    most = max((cost.lost_us for cost in found), default=1)
    context: dict[str, Any] = {
        "title": _("Bottlenecks"),
        "choice": choice,
        "filters": asked,
        "mistakes": mistakes,
        "services": queries.services(),
        "kinds": BottleneckKind.choices,
        "causes": Cause.choices,
        "states": [*Bottleneck.State.choices, ("all", _("all"))],
        "costs": found,
        "most_us": max(most, 1),
        "full": len(found) == _MOST,
        "reach": queries.reach(choice.time_range),
        "export": _export(asked, choice.time_range),
        "any": bool(found) or Bottleneck.objects.exists(),
    }
    return render(request, "pages/bottlenecks.html", context, status=400 if mistakes else 200)


def _export(asked: dict[str, Any], time_range: TimeRange) -> str:
    query = QueryDict(mutable=True)
    query.update({name: asked[name] for name in _FILTERS if asked[name]})
    query.update({"from": time_range.start.isoformat(), "to": time_range.end.isoformat()})
    return f"{reverse('bottleneck-list')}?{query.urlencode()}"


@in_shell("monitoring.view_bottleneck")
def detail(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Why it is one, what to do, and the traces that show it."""
    try:
        row = services.find(fingerprint)
    except NotFoundError as error:
        told = {"title": _("No such bottleneck"), "message": error.words}
        return render(request, "pages/problem.html", told, status=404)
    choice = Choice.read(request.GET, BottleneckBoard.default_range)
    may_look = request.user.has_perm("monitoring.view_span")
    context: dict[str, Any] = {
        "title": capfirst(row.get_kind_display()),
        "choice": choice,
        "charts": BottleneckBoard.charts,
        "cost": queries.one(row, choice.time_range),
        "row": row,
        "may_decide": request.user.has_perm("monitoring.change_bottleneck"),
        "may_look": may_look,
        "excerpt": _first_kept(row) if may_look else None,
        "moves": _moves(row),
    }
    return render(request, "pages/bottleneck.html", context)


def _first_kept(row: Bottleneck) -> Any:
    """The excerpt of the costliest trace that is still there; the first three are tried."""
    for told in row.evidence[:3]:
        if (found := excerpt(told)) is not None:
            return found
    return None


def _moves(row: Bottleneck) -> list[tuple[str, str]]:
    state = Bottleneck.State
    if row.state == state.OPEN:
        return [("resolve", _("Resolved")), ("ignore", _("Ignore"))]
    if row.state == state.RESOLVED:
        return [("open", _("Open again")), ("ignore", _("Ignore"))]
    return [("open", _("Open again"))]


@require_POST
@admin.site.admin_view
def move(request: HttpRequest, fingerprint: str, verb: str) -> HttpResponse:
    """Decide about one, and go back to it."""
    if not request.user.has_perm("monitoring.change_bottleneck"):
        raise PermissionDenied
    if verb not in MOVES:
        raise Http404
    try:
        MOVES[verb](fingerprint, request.POST.get("reason", ""))
    except NotFoundError:
        raise Http404 from None
    except PortalError as error:
        messages.error(request, str(error.words))
    else:
        messages.success(request, _("Done."))
    return redirect("bottleneck", fingerprint=fingerprint)
