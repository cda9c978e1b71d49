"""One trace."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.core.timerange import TimeRange
from apps.monitoring.api import rows
from apps.monitoring.queries import logs, traces
from apps.monitoring.queries.logs import LogLine
from apps.monitoring.queries.traces import TraceTree
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.pages import render
from portal.profiling.links import profile_url

_LINES = 200
# What is in the page for readers without a script.
_PLAIN_SPANS = 200
_LONGEST, _SLACK = timedelta(days=7), timedelta(minutes=1)
VIEWS = ("waterfall", "flame", "tree")


@in_shell("monitoring.view_span")
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """All spans of one trace, and its log lines for those who may read logs."""
    key = filters.trace_id(trace_id)
    found = traces.tree(key)
    if found is None:
        gone = _("Nothing of this trace is kept. It may be older than the retention.")
        told = {"title": _("No such trace"), "message": gone}
        return render(request, "pages/problem.html", told, status=404)
    lines = _lines(request, found, key)
    view = request.GET.get("view", "")
    context: dict[str, Any] = {
        "title": _("Trace"),
        "trace_id": key.hex,
        "tree": found,
        "spans": found.spans[:_PLAIN_SPANS],
        "services": found.services,
        "failed": sum(span.failed for span in found.spans),
        "lines": lines,
        "profile": profile_url(key),
        "view": view if view in VIEWS else VIEWS[0],
        "data": rows.trace_body(key, found) | {
            "lines": None if lines is None else [rows.log_row(line) for line in lines],
        },
    }  # fmt: skip
    return render(request, "pages/trace.html", context)


def _lines(request: HttpRequest, found: TraceTree, key: Any) -> list[LogLine] | None:
    if not request.user.has_perm("monitoring.view_logrecord"):
        return None
    # A span that claims to last for centuries must not hide what is known of its trace.
    until = found.start + min(timedelta(microseconds=found.duration_us), _LONGEST)
    around = TimeRange(found.start - _SLACK, until + _SLACK)
    return logs.of_trace(around, key, _LINES)
