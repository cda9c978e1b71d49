"""The lists of traces and log lines, and one trace."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.core.errors import InvalidInputError, UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.queries import logs, traces
from apps.monitoring.queries.services import services
from portal.evidence import filters
from portal.evidence.filters import Filters
from portal.evidence.keyset import page
from portal.evidence.waterfall import bars
from portal.pages import render

_PAGE = 50
_LOG_PAGE = 100
_LINES_OF_TRACE = 200
_LONGEST, _SLACK = timedelta(days=7), timedelta(minutes=1)


def _in_shell(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For staff only, anonymous visitors to the login page; a wrong filter is told, not thrown."""

    @require_GET
    @admin.site.admin_view
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (InvalidInputError, UnavailableError) as error:
            context = {"title": _("This cannot be shown"), "message": error.message}
            return render(request, "pages/problem.html", context, status=error.status)

    return guarded


def _common(chosen: Filters, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "filters": chosen,
        "services": [service.name for service in services()],
        "ranges": filters.RANGES,
    }


@_in_shell
def trace_list(request: HttpRequest) -> HttpResponse:
    """Recent traces by their root spans."""
    chosen = filters.read(request.GET.dict())
    rows = traces.recent(
        chosen.time_range,
        chosen.service or None,
        failed_only=chosen.failed,
        least_us=chosen.least_ms * 1000,
        text=chosen.text,
        limit=_PAGE + 1,
    )
    shown, older = page(rows, _PAGE)
    context = _common(chosen, _("Traces")) | {
        "rows": shown,
        "slowest_us": max((row.duration_us for row in shown), default=0),
        "older": chosen.address(to=older.isoformat()) if older else "",
    }
    return render(request, "pages/traces.html", context)


@_in_shell
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """All spans of one trace, and its log lines."""
    key = filters.trace_id(trace_id)
    found = traces.tree(key)
    if found is None:
        gone = _("Nothing of this trace is kept. It may be older than the retention.")
        told = {"title": _("No such trace"), "message": gone}
        return render(request, "pages/problem.html", told, status=404)
    # A span that claims to last for centuries must not hide what is known of its trace.
    until = found.start + min(timedelta(microseconds=found.duration_us), _LONGEST)
    around = TimeRange(found.start - _SLACK, until + _SLACK)
    context = {
        "title": _("Trace"),
        "trace_id": key.hex,
        "tree": found,
        "rows": bars(found),
        "services": sorted({span.service for span in found.spans}),
        "failed": sum(span.failed for span in found.spans),
        "lines": logs.recent(around, trace_id=key, limit=_LINES_OF_TRACE)[::-1],
    }
    return render(request, "pages/trace.html", context)


@_in_shell
def log_list(request: HttpRequest) -> HttpResponse:
    """Recent log lines."""
    chosen = filters.read(request.GET.dict())
    rows = logs.recent(
        chosen.time_range,
        chosen.service or None,
        level=chosen.level,
        text=chosen.text,
        trace_id=chosen.trace,
        limit=_LOG_PAGE + 1,
    )
    shown, older = page(rows, _LOG_PAGE)
    context = _common(chosen, _("Logs")) | {
        "rows": shown,
        "levels": list(logs.LEVELS),
        "older": chosen.address(to=older.isoformat()) if older else "",
    }
    return render(request, "pages/logs.html", context)
