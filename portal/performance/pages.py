"""The list of operations, and one operation."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange
from apps.monitoring.api.performance_views import wanted
from apps.monitoring.queries import deployments, ranking, red, slowest, trends
from apps.monitoring.queries.ranking import KINDS, ORDERS, Ranked
from apps.monitoring.queries.services import services
from portal.evidence.guard import in_shell
from portal.pages import render
from portal.performance import topic
from portal.performance.boards import CHARTS, trace_url

PAGE = 50
_DEFAULT = "now-1h"
_MOST_TRACES = 12
_FIELDS = ("service", "text", "kind", "order")
_ORDER_WORDS = {
    "total": gettext_lazy("total time"),
    "p95": "p95",
    "p99": "p99",
    "rate": gettext_lazy("requests"),
    "errors": gettext_lazy("errors"),
    "error_share": gettext_lazy("share of errors"),
}


@in_shell("monitoring.view_span")
def performance(request: HttpRequest) -> HttpResponse:
    """Operations ranked; what they do together, over time and right now."""
    asked = _asked(request.GET)
    choice = Choice.read(request.GET, _DEFAULT)
    time_range, which = choice.time_range, wanted(asked)
    rows = ranking.ranking(time_range, which, asked["order"])
    rank = _rank(request.GET)
    shown = ranking.detailed(rows[rank : rank + PAGE], time_range, which)
    whole = Ranked(
        red.Operation(asked["service"], "", 0),
        red.total(row.figures for row in rows),
        time_range.duration_s,
        1,
    )
    context = {
        "title": _("Operations"),
        "filters": asked,
        "choice": choice,
        "services": [service.name for service in services()],
        "kinds": [kind for kind in KINDS if kind],
        "orders": [(key, _ORDER_WORDS[key]) for key in ORDERS],
        "rows": shown,
        "whole": whole,
        "count": len(rows),
        "charts": CHARTS,
        "marks": _marks(asked["service"], time_range),
        "topic": topic.NAME if choice.live else "",
        "live_rows": range(3),
        "listed": _listed(asked, len(rows), rank, time_range),
        "operation_url": reverse("operation"),
    }
    return render(request, "pages/performance.html", context)


@in_shell("monitoring.view_span")
def operation(request: HttpRequest) -> HttpResponse:
    """One operation: how long it takes, against earlier, and traces that show why."""
    name = _text(request.GET, "name")
    asked = {**_asked(request.GET), "name": name, "text": ""}
    choice = Choice.read(request.GET, _DEFAULT)
    which, time_range = wanted(asked), choice.time_range
    found = ranking.ranking(time_range, which) if name else []
    context: dict[str, Any] = {
        "title": name or _("Operation"),
        "choice": choice,
        "asked": asked,
        "rows": found,
        "charts": CHARTS,
        "back": f"{reverse('performance')}?{_query(request.GET, 'from', 'to')}",
        "marks": _marks(asked["service"], time_range),
        "links": _links(request, choice, asked["service"], name),
    }
    if not found:
        return render(request, "pages/operation.html", context)
    told = trends.trends(time_range, which, {row.operation: row.figures for row in found})
    evidence = slowest.exemplars(time_range, which)
    slow = sorted(evidence, key=lambda one: (-one.failed, -one.duration_s))[:_MOST_TRACES]
    context |= {
        "row": found[0],
        "trend": told[found[0].operation],
        "words": trend_words(),
        "earlier": trends.earlier(time_range),
        "traces": [(trace_url(one), one) for one in slow],
        "search": f"{reverse('traces')}?{_search(found[0], time_range)}",
    }
    return render(request, "pages/operation.html", context)


def _links(request: HttpRequest, choice: Choice, service: str, name: str) -> list[tuple[str, str]]:
    """Where else one operation is told of, for those who may look: words and addresses."""
    ends = {"from": choice.from_, "to": choice.to}
    all_links = (
        ("monitoring.view_bottleneck", _("Bottlenecks"), "bottlenecks",
         {"service": service, "route": name[:200], **ends}),
        ("monitoring.view_span", _("Critical paths"), "critical-path",
         {"service": service, "name": name, **ends}),
        ("monitoring.view_span", _("Service map"), "service-map", ends),
        ("monitoring.view_logrecord", _("Log lines"), "logs", {"service": service, **ends}),
    )  # fmt: skip
    return [
        (words, f"{reverse(page)}?{urlencode(query)}")
        for permission, words, page, query in all_links
        if request.user.has_perm(permission)
    ]


def trend_words() -> dict[str, str]:
    """Verdicts and stretches in the reader's language, by the words of the API."""
    return {
        "slower": _("slower"), "faster": _("faster"), "same": _("the same"),
        "too few": _("too few to say"), "more": _("more"), "fewer": _("fewer"), "new": _("new"),
        "before": _("the period before"), "day": _("the same hours yesterday"),
        "week": _("the same hours a week ago"), "deploy": _("before the deployment"),
    }  # fmt: skip


def _marks(service: str, time_range: TimeRange) -> list[Any]:
    return deployments.between([service] if service else [], time_range)[-20:]


def _rank(query: QueryDict) -> int:
    text = query.get("rank", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


def _text(query: QueryDict, name: str, longest: int = 600) -> str:
    return query.get(name, "").replace("\0", "")[:longest]


def _asked(query: QueryDict) -> dict[str, Any]:
    """The filters as the API reads them; what is no choice of a list means its default."""
    kind, order = query.get("kind", ""), query.get("order", "total")
    return {
        "service": _text(query, "service"),
        "text": _text(query, "text", 200),
        "kind": kind if kind in KINDS else "",
        "order": order if order in ORDERS else "total",
    }


def _listed(asked: dict[str, Any], count: int, rank: int, time_range: TimeRange) -> dict[str, str]:
    """The rows around these, with the range spelled out ("the last hour" moves), and all of it."""
    given = {name: asked[name] for name in _FIELDS if asked[name]}
    given |= {"from": time_range.start.isoformat(), "to": time_range.end.isoformat()}
    lower, higher = rank + PAGE, max(rank - PAGE, 0)
    return {
        "export": f"{reverse('performance-metrics')}?{urlencode(given)}",
        "lower": f"?{urlencode({**given, 'rank': lower})}" if lower < count else "",
        "higher": f"?{urlencode({**given, 'rank': higher})}" if rank else "",
    }


def _query(query: QueryDict, *names: str) -> str:
    return urlencode({name: query[name] for name in names if name in query})


def _search(row: Ranked, time_range: TimeRange) -> str:
    return urlencode({
        "service": row.service, "text": row.name[:200], "from": time_range.start.isoformat(),
        "to": time_range.end.isoformat(),
    })  # fmt: skip
