"""What several traces say together: a comparison, what a route waits for, the service map."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInputError
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange
from apps.monitoring.api import trace_page_rows
from apps.monitoring.api.trace_pages import waiting
from apps.monitoring.queries import servicemap
from apps.monitoring.queries.services import services
from apps.monitoring.traces import compare, reading, sampling
from apps.monitoring.traces.reading import Trace
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.pages import render

_DEFAULT: Final = "now-1h"
# Traces looked into for the critical paths of a map.
_SAMPLE: Final = 50
_LONGEST: Final = 1024
_MOST_PLACES: Final = 1000
_MOST_OPERATIONS: Final = 100
TYPICAL: Final = "typical"


@in_shell("monitoring.view_span")
def comparison(request: HttpRequest) -> HttpResponse:
    """Two traces; `b=typical` stands for the median one of the same service and name."""
    context: dict[str, Any] = {
        "title": _("Compare traces"),
        "a": request.GET.get("a", "")[:64],
        "b": request.GET.get("b", "")[:64],
        "everything": request.GET.get("all") == "1",
    }
    if not context["a"] or not context["b"]:
        return render(request, "pages/compare.html", context)
    a = _kept(context["a"])
    b = _typical(a) if context["b"] == TYPICAL else _kept(context["b"])
    found = compare.compare(a, b)
    places = [one for one in found.places if context["everything"] or one.verdict != "same"]
    context |= {
        "a": a.id.hex,
        "b": b.id.hex,
        "found": found,
        "places": places[:_MOST_PLACES],
        "left_out": max(len(places) - _MOST_PLACES, 0),
        "biggest": found.biggest(),
        "longest_us": max(found.a.duration_us, found.b.duration_us),
    }
    return render(request, "pages/compare.html", context)


def _kept(text: str) -> Trace:
    found = reading.read(filters.trace_id(text))
    if found is None:
        raise InvalidInputError(
            _("Nothing of trace {id} is kept.").format(id=text), {"parameter": "trace"}
        )
    return found


def _typical(a: Trace) -> Trace:
    root = a.tree.spans[0]
    around = TimeRange.parse("now-24h", "now")
    other = sampling.typical(around, root.service, root.name, a.id)
    found = reading.read(other) if other else None
    if found is None:
        raise InvalidInputError(
            _("The last 24 hours hold no other trace of this name."), {"parameter": "b"}
        )
    return found


@in_shell("monitoring.view_span")
def critical_path(request: HttpRequest) -> HttpResponse:
    """What the requests of one route wait for."""
    choice = Choice.read(request.GET, _DEFAULT)
    service = request.GET.get("service", "").replace("\0", "")[:_LONGEST]
    name = request.GET.get("name", "").replace("\0", "")[:_LONGEST]
    found = waiting(choice.time_range, service, name)
    context = {
        "title": _("Critical paths"),
        "choice": choice,
        "services": [one.name for one in services()],
        "service": service,
        "name": name,
        "found": found,
        "mean_us": round(found.total_us / found.traces) if found.traces else 0,
        "left_out": max(len(found.operations) - _MOST_OPERATIONS, 0),
        "operations": [
            {
                "of": one,
                "share": found.share(one),
                "slow_share": found.slow_share(one),
                "mean_us": round(one.us / found.traces),
                "times": one.segments / found.traces,
            }
            for one in found.operations[:_MOST_OPERATIONS]
        ],
    }
    return render(request, "pages/critical_path.html", context)


@in_shell("monitoring.view_span")
def service_map(request: HttpRequest) -> HttpResponse:
    """Who asks whom, drawn and as tables."""
    choice = Choice.read(request.GET, _DEFAULT)
    found = servicemap.read(choice.time_range, sample=_SAMPLE)
    context = {
        "title": _("Service map"),
        "choice": choice,
        "found": found,
        "names": {node.id: node.name for node in found.nodes},
        "data": {
            **trace_page_rows.map_body(found),
            "start": found.start.isoformat(),
            "end": found.end.isoformat(),
        },
    }
    return render(request, "pages/service_map.html", context)
