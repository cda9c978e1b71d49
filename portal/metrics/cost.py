"""What metrics cost, who reads them, and dropping those nobody reads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.alerts.models import Rule
from apps.core.errors import PortalError
from apps.core.models import SavedView
from apps.monitoring.models import DropRule, MetricCost
from apps.monitoring.queries import costs, labels
from apps.monitoring.queries.costs import Usage
from apps.monitoring.services import drops
from portal.evidence.guard import in_shell
from portal.pages import render

_LISTED: Final = 100
_MOST_VIEWS: Final = 5000
_EXPLORER: Final = "/admin/metrics/"


@dataclass(frozen=True)
class Row:
    """One metric on the page."""

    cost: MetricCost
    readers: list[tuple[str, str]]
    last_read: datetime | None
    unused: bool
    drop: DropRule | None


@in_shell("monitoring.view_metriccost")
def page(request: HttpRequest) -> HttpResponse:
    """The most expensive metrics; of one, its labels."""
    name = request.GET.get("name", "").replace("\0", "")
    search = request.GET.get("search", "").replace("\0", "")[:255]
    found = list(
        MetricCost.objects.filter(name=name) if name else costs.costs(search)[: _LISTED + 1]
    )
    names = [row.name for row in found]
    usage, readers, dropped = costs.usage(names), _readers(names), costs.dropped(names)
    rows = [_row(row, usage, readers, dropped) for row in found[:_LISTED]]
    if request.GET.get("unused") == "1":
        rows = [row for row in rows if row.unused and not row.readers]
    context = {
        "title": _("Metric costs"),
        "name": name,
        "search": search,
        "only_unused": request.GET.get("unused") == "1",
        "rows": rows,
        "more": len(found) > _LISTED,
        "total": costs.total(),
        "counted_since": usage.since,
        "labels": labels.labels(name) if name else [],
        "others": [] if name else _without_cost(search),
        "may_drop": request.user.has_perm("monitoring.add_droprule"),
        "may_take_in": request.user.has_perm("monitoring.delete_droprule"),
    }
    return render(request, "pages/metric_cost.html", context)


@require_POST
@admin.site.admin_view
def change(request: HttpRequest) -> HttpResponse:
    """Drop a metric, or take it in again; one click, as the way back is one too."""
    name, verb = request.POST.get("name", ""), request.POST.get("verb", "")
    permission = {"drop": "monitoring.add_droprule", "take_in": "monitoring.delete_droprule"}
    if verb not in permission or not request.user.has_perm(permission[verb]):
        raise PermissionDenied
    try:
        if verb == "drop":
            drops.drop(name, request.user.get_username())
            told = _("“%(name)s” is dropped from now on. What is stored stays.")
        else:
            drops.take_in(name)
            told = _("“%(name)s” is taken in again.")
    except PortalError as error:
        messages.error(request, str(error.words))
    else:
        messages.success(request, told % {"name": name})
    search = request.POST.get("search", "")
    return HttpResponseRedirect(f"{reverse('metric-cost')}?{urlencode({'search': search})}")


def _row(
    row: MetricCost, usage: Usage, readers: dict[str, list[tuple[str, str]]],
    dropped: dict[str, DropRule],
) -> Row:  # fmt: skip
    named = readers.get(row.name, [])
    # Who is set to read it reads it, also while nothing comes.
    unused = usage.unused(row) and not named
    return Row(row, named, usage.last(row.name), unused, dropped.get(row.name))


def _readers(names: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Rules and saved views that read these metrics: what they are called and where they are."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule in Rule.objects.filter(metric__in=names).only("pk", "name", "metric")[:1000]:
        href = reverse("admin:alerts_rule_change", args=[rule.pk])
        found.setdefault(rule.metric, []).append((rule.name, href))
    wanted = set(names)
    views = SavedView.objects.filter(page=_EXPLORER, shared=True).values_list("name", "query")
    for view, query in views[:_MOST_VIEWS]:
        for metric in parse_qs(query).get("name", []):
            if metric in wanted:
                found.setdefault(metric, []).append((view, f"{_EXPLORER}?{query}"))
    return found


def _without_cost(search: str) -> list[Any]:
    """Dropped metrics that take nothing any more, or have never been sent."""
    rules = DropRule.objects.exclude(name__in=MetricCost.objects.values("name"))
    return list(rules.filter(name__icontains=search)[:_LISTED])
