"""The lists of traces and log lines, and one trace."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange
from apps.monitoring.api import ranges, rows, searches
from apps.monitoring.queries import logs, traces
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.services import services
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.evidence.paging import Listed, after, listed
from portal.pages import render

PAGE = 50
# What the plain table holds, for find-in-page and for copying.
PLAIN = 1000
_DEFAULT = "now-1h"


def _common(request: HttpRequest, title: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "filters": values,
        "choice": Choice.read(_without_place(request.GET), _DEFAULT),
        "services": [service.name for service in services()],
        "plain": _plain(request),
        "chosen": filters.chosen(request.GET),
    }


def _without_place(query: QueryDict) -> QueryDict:
    # Another range begins at its own end, not where this page of the old one did.
    kept = query.copy()
    kept.pop("after", None)
    return kept


def _plain(request: HttpRequest) -> bool:
    return request.GET.get("plain") == "1"


def _size(request: HttpRequest) -> int:
    return PLAIN if _plain(request) else PAGE


@in_shell("monitoring.view_span")
def trace_list(request: HttpRequest) -> HttpResponse:
    """Recent traces by their root spans."""
    values = filters.read(request.GET, searches.TraceParameters)
    time_range = ranges.time_range(values)
    found = traces.search(
        time_range, searches.trace_filter(values), after=after(request), limit=_size(request)
    )
    context = _common(request, _("Traces"), values) | _list(
        request, found, time_range, "trace-list"
    )
    context["first"] = [rows.root_row(row) for row in found.rows]
    return render(request, "pages/traces.html", context)


@in_shell("monitoring.view_logrecord")
def log_list(request: HttpRequest) -> HttpResponse:
    """Recent log lines."""
    values = filters.read(request.GET, searches.LogParameters)
    time_range = ranges.time_range(values)
    found = logs.search(
        time_range, searches.log_filter(values), after=after(request), limit=_size(request)
    )
    context = _common(request, _("Logs"), values) | _list(request, found, time_range, "log-search")
    context["first"] = [rows.log_row(row) for row in found.rows]
    context["levels"] = list(logs.LEVELS)
    return render(request, "pages/logs.html", context)


def _list(
    request: HttpRequest, found: Found[Any], time_range: TimeRange, name: str
) -> dict[str, Any]:
    shown: Listed = listed(request.GET, found, time_range, reverse(name))
    return {"rows": found.rows, "listed": shown}
