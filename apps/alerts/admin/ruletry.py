"""The editor's preview: the form as it stands, run over the last days."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase

from apps.alerts.machine import Severity
from apps.alerts.models import Rule
from apps.alerts.services import metrics, previews
from apps.core.charts.figure import Line, figure
from apps.core.errors import PortalError
from apps.core.timerange import TimeRange
from apps.monitoring.queries.catalogue import metric_exists

_DAYS: Final = (1, 7, 30)
_WIDTH_PX: Final = 1000
_MOST_SHOWN: Final = 20


def answer(model_admin: Any, request: HttpRequest) -> HttpResponseBase:
    """JSON of what the rule in the form would have done; where it is senseless, `errors`."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    stored = Rule.objects.filter(pk=_whole(request.POST.get("pk"))).first()
    form = model_admin.get_form(request, stored, change=stored is not None)(
        {**request.POST.dict(), "name": request.POST.get("name") or "-"}, instance=stored or Rule()
    )
    if not form.is_valid():
        return JsonResponse(
            {"errors": form.errors, "metric": _unknown(form.data.get("metric", ""))}
        )
    days = _whole(request.POST.get("days"))
    end = datetime.now(UTC)
    start = end - timedelta(days=days if days in _DAYS else 7)
    try:
        found = previews.preview(form.instance, TimeRange(start, end))
    except PortalError as error:
        return JsonResponse({"errors": {"__all__": [str(error.words)]}})
    return JsonResponse(_told(form.instance, found))


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _unknown(metric: str) -> dict[str, Any]:
    """Close names for a metric the store has never seen."""
    if not metric or metric_exists(metric):
        return {}
    return {"unknown": metric, "close": metrics.close_names(metric)}


def _told(rule: Rule, found: previews.Preview) -> dict[str, Any]:
    ratio = found.unit == "1"
    lines = [
        Line(_name(line.labels), [_ms(at) for at, _ in kept], [value for _, value in kept])
        for line in found.lines
        if (kept := previews.thinned(line.points))
    ]
    return {
        "summary": found.sentence,
        "held": found.held,
        "complete": not found.partial,
        "figure": figure(lines, found.unit, _WIDTH_PX * 2),
        "unit": "" if ratio else found.unit,
        "start": _ms(found.start),
        "end": _ms(found.end),
        "limits": _limits(rule),
        "firings": [
            {
                "from": _ms(one.start), "to": _ms(one.end or found.until),
                "severity": one.severity.value, "name": _name(dict(one.labels)),
                "worst": one.worst, "open": one.end is None,
            }
            for one in found.firings
        ],
        "shown": _MOST_SHOWN,
        "fired": found.fired,
        "groups": found.groups,
        "step_s": found.step_s,
        "variants": [{"share": one.share, "fired": one.fired} for one in found.variants],
        "metric": {} if rule.condition in ("log", "trace") else _unknown(rule.metric),
    }  # fmt: skip


def _limits(rule: Rule) -> list[dict[str, Any]]:
    """The horizontal lines: an anomaly's thresholds are no figures of the chart."""
    if rule.condition == "anomaly":
        return []
    found = []
    for severity in Severity:
        at, clear = getattr(rule, severity), getattr(rule, f"clear_{severity}")
        if at is not None:
            found.append({"severity": severity.value, "value": at, "clear": False})
        if clear is not None:
            found.append({"severity": severity.value, "value": clear, "clear": True})
    return found


def _name(labels: dict[str, str]) -> str:
    return ", ".join(labels.values())[:80] or "-"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
