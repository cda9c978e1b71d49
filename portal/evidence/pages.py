"""The lists of traces and log lines, and one trace."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.rangepicker import Choice
from apps.monitoring.api import ranges, rows, searches
from apps.monitoring.queries import logs, traces
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LEVELS
from apps.monitoring.queries.position import Place
from apps.monitoring.queries.services import services
from apps.monitoring.queries.spanplace import SpanPlace
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.evidence.paging import after, listed
from portal.pages import render

PAGE = 50
# What the plain table holds, for find-in-page and for copying.
PLAIN = 1000
_DEFAULT = "now-1h"


@dataclass(frozen=True)
class _List:
    """What one list is made of. `search(values, range, after=, limit=)` reads, `row` shows one."""

    template: str
    api: str
    parameters: type[ranges.RangeParameters]
    search: Callable[..., Found[Any]]
    row: Callable[[Any], Any]
    spot: Any = Place


_TRACES: Final = _List(
    "pages/traces.html", "trace-list", searches.TraceParameters,
    lambda values, where, **page: traces.search(where, searches.trace_filter(values), **page),
    rows.root_row,
    SpanPlace,
)  # fmt: skip
_LOGS: Final = _List(
    "pages/logs.html", "log-search", searches.LogParameters,
    lambda values, where, **page: logs.search(where, searches.log_filter(values), **page),
    rows.log_row, LinePlace,
)  # fmt: skip


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
    of_choices = [
        ("roots", _("first spans of traces")),
        ("entries", _("requests of services")),
        ("spans", _("all spans")),
    ]
    return _shown(request, _TRACES, {"title": _("Traces"), "of_choices": of_choices})


@in_shell("monitoring.view_logrecord")
def log_list(request: HttpRequest) -> HttpResponse:
    """Recent log lines."""
    return _shown(request, _LOGS, {"title": _("Log lines"), "levels": list(LEVELS)})


def _shown(request: HttpRequest, what: _List, more: dict[str, Any]) -> HttpResponse:
    """The list; or, 400 as the API, its form with each mistake beside its field, and no rows."""
    asked = filters.read(request.GET, what.parameters)
    choice = Choice.read(_without_place(request.GET), _DEFAULT)
    ends = {name: told for name, told in choice.mistakes.items() if name in ("from", "to")}
    mistakes = {**asked.mistakes, **ends}
    context = {
        **more,
        "filters": asked.values,
        "choice": choice,
        "mistakes": mistakes,
        "services": [service.name for service in services()],
        "plain": _plain(request),
        "chosen": filters.chosen(request.GET),
        "kept_filters": filters.kept(request.GET),
    }
    if mistakes:
        return render(request, what.template, context, status=400)
    time_range = choice.time_range
    found = what.search(
        asked.values, time_range, after=after(request, what.spot), limit=_size(request)
    )
    context |= {
        "rows": found.rows,
        "listed": listed(request.GET, found, time_range, reverse(what.api)),
        "first": [what.row(row) for row in found.rows],
    }
    return render(request, what.template, context)
