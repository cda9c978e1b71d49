"""One trace."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.timerange import TimeRange
from apps.monitoring.api import rows, trace_rows
from apps.monitoring.queries import logs
from apps.monitoring.queries.logs import LogLine
from apps.monitoring.services import traces
from apps.monitoring.services.pins import PinReason, pinned
from apps.monitoring.traces import reading
from apps.monitoring.traces.formats import FORMATS
from apps.monitoring.traces.reading import Details, Trace, TraceSpan
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.pages import render
from portal.profiling.links import profile_url

_LINES = 200
# What is in the page for readers without a script.
_PLAIN_SPANS = 200
# Larger traces are fetched by the script while the page is already there.
_SHOWN = 1000
_LONGEST, _SLACK = timedelta(days=7), timedelta(minutes=1)
VIEWS = ("waterfall", "flame", "tree")


@in_shell("monitoring.view_span")
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """All spans of one trace, and its log lines for those who may read logs."""
    key = filters.trace_id(trace_id)
    found = reading.read(key)
    if found is None:
        gone = _("Nothing of this trace is kept. It may be older than the retention.")
        told = {"title": _("No such trace"), "message": gone}
        return render(request, "pages/problem.html", told, status=404)
    lines = _lines(request, found, key)
    view = request.GET.get("view", "")
    context: dict[str, Any] = {
        "title": _("Trace"),
        "trace": found,
        "trace_id": key.hex,
        "root": found.tree.spans[0],
        "plain": _plain(found),
        "services": found.services,
        "failed": sum(span.failed for span in found.tree.spans),
        "lines": lines,
        "profile": profile_url(key),
        "view": view if view in VIEWS else VIEWS[0],
        "shape": trace_rows.trace_shape(found) if len(found.tree) <= _SHOWN else None,
        "line_rows": None if lines is None else [rows.log_row(line) for line in lines],
        "formats": list(FORMATS),
        "pinned_until": pinned(key).get(PinReason.HAND),
        "may_pin": request.user.has_perm("monitoring.pin_trace"),
    }
    return render(request, "pages/trace.html", context)


@require_POST
@admin.site.admin_view
@permission_required("monitoring.pin_trace", raise_exception=True)
def pin(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Keep a trace beyond sampling and retention, or (`undo`) let it go again."""
    key = filters.trace_id(trace_id)
    if request.POST.get("undo"):
        traces.unpin(key)
        messages.success(request, _("This trace is no longer pinned."))
    else:
        traces.pin(key)
        messages.success(request, _("This trace is pinned."))
    return redirect("trace", trace_id=key.hex)


@dataclass(frozen=True, slots=True)
class _PlainSpan:
    """A span as the page shows it to readers without a script."""

    span: TraceSpan
    details: Details | None
    depth: int
    offset_us: int
    duration_us: int
    self_us: int
    orphan: bool


def _plain(found: Trace) -> list[_PlainSpan]:
    tree = found.tree
    first = range(min(len(tree), _PLAIN_SPANS))
    details = reading.details(found.id, [tree.spans[i].span_id for i in first])
    return [
        _PlainSpan(
            tree.spans[i], details.get(tree.spans[i].span_id), tree.depths[i],
            tree.starts_us[i] - found.start_us, tree.stops_us[i] - tree.starts_us[i],
            found.self_us[i], tree.orphan(i),
        )
        for i in first
    ]  # fmt: skip


def _lines(request: HttpRequest, found: Trace, key: Any) -> list[LogLine] | None:
    if not request.user.has_perm("monitoring.view_logrecord"):
        return None
    # A span that claims to last for centuries must not hide what is known of its trace.
    until = found.start + min(timedelta(microseconds=found.duration_us), _LONGEST)
    around = TimeRange(found.start - _SLACK, until + _SLACK)
    return logs.of_trace(around, key, _LINES)
