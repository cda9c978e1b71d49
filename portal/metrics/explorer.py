"""The page that draws any metric in any way."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.rangepicker import Choice
from apps.monitoring.models import Metric
from apps.monitoring.queries import charts, labels
from apps.monitoring.queries.catalogue import catalogue
from portal.evidence.guard import in_shell
from portal.metrics import question
from portal.metrics.data import PANEL
from portal.metrics.question import Question, QuestionParameters
from portal.pages import render

_DEFAULT: Final = "now-1h"
_LISTED: Final = 100
_MOST_LABELS: Final = 40


@in_shell("monitoring.view_metric")
def page(request: HttpRequest) -> HttpResponse:
    """The chart of one metric; without one, the list of all."""
    choice = Choice.read(request.GET, _DEFAULT)
    context = {"title": _("Explorer"), "choice": choice, "mistakes": choice.mistakes}
    name = request.GET.get("name", "").replace("\0", "").strip()
    kinds = list(Metric.objects.filter(name=name).order_by("id")[:20]) if name else []
    if not kinds:
        return _all(request, context, name)
    given = question.filled(request.GET)
    reader = QuestionParameters(data=given)
    valid = reader.is_valid()
    asked = reader.validated_data if valid else {}
    mistakes = {} if valid else {str(k): _first(told) for k, told in reader.errors.items()}
    aggregation = asked.get("agg") or charts.usual_of(name)
    context |= {
        "name": name,
        "metric": max(kinds, key=lambda kind: kind.kind),
        "aggregations": question.aggregations(kinds, aggregation),
        "aggregation": aggregation,
        "tops": question.TOPS,
        "top": asked.get("top", question.DEFAULT_TOP),
        "steps": question.STEPS,
        "step": asked.get("step"),
        "by": asked.get("by", ()),
        "chosen": [(text, _without(request.GET, "where", text)) for text in given.getlist("where")],
        "labels": labels.labels(name)[:_MOST_LABELS],
        "mistakes": {**choice.mistakes, **mistakes},
        "rule_href": "",
        "panel": {"key": PANEL, "title": name, "unit": ""},
    }
    if not valid:
        return render(request, "pages/metrics.html", context, status=400)
    if request.user.has_perm("alerts.add_rule"):
        context["rule_href"] = Question.of(asked).rule_href()
    return render(request, "pages/metrics.html", context)


def _all(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    search = request.GET.get("search", "").replace("\0", "")[:255] or name
    found = catalogue(limit=_LISTED + 1, search=search)
    context |= {
        "search": search,
        "found": found[:_LISTED],
        "more": len(found) > _LISTED,
        "unknown": name,
        "names_url": reverse("metric-names"),
    }
    return render(request, "pages/metric_list.html", context, status=404 if name else 200)


def _without(query: QueryDict, name: str, text: str) -> str:
    left = query.copy()
    left.setlist(name, [other for other in left.getlist(name) if other not in ("", text)])
    return f"?{left.urlencode()}"


def _first(told: Any) -> str:
    while isinstance(told, dict | list) and told:
        told = next(iter(told.values())) if isinstance(told, dict) else told[0]
    return str(told)
