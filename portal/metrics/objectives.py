"""The page of objectives: goal, figure now, share attained, trend."""

from collections.abc import Container
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.rangepicker import Choice
from apps.monitoring.models import Metric, Objective
from apps.monitoring.queries import objectives
from apps.monitoring.queries.objectives import Judgement
from portal.evidence.guard import in_shell
from portal.metrics.sparkline import Sparkline, sparkline
from portal.metrics.units import figure
from portal.pages import render

_DEFAULT: Final = "now-24h"
_VERDICTS: Final = {
    "met": gettext_lazy("met"),
    "missed": gettext_lazy("missed"),
    "unknown": gettext_lazy("no data"),
}


@dataclass(frozen=True)
class Row:
    """One objective on the page."""

    objective: Objective
    verdict: str
    word: Any
    goal: str
    current: str
    extreme: str
    attained: str
    trend: str
    spark: Sparkline | None
    why: str
    href: str


@in_shell("monitoring.view_objective")
def page(request: HttpRequest) -> HttpResponse:
    """Every objective in force, by group."""
    choice = Choice.read(request.GET, _DEFAULT)
    found = objectives.enabled()
    judged = objectives.judge_all(found, choice.time_range)
    words = dict(Objective.Group.choices)
    sent = set(
        Metric.objects.filter(name__in={one.metric for one in found}).values_list("name", flat=True)
    )
    groups = [
        (words.get(group, group), [_row(one, choice, sent) for one in rows])
        for group, rows in groupby(judged, key=lambda one: one.objective.group)
    ]
    context = {
        "title": _("Objectives"),
        "choice": choice,
        "groups": groups,
        "may_change": request.user.has_perm("monitoring.change_objective"),
        "may_add": request.user.has_perm("monitoring.add_objective"),
    }
    return render(request, "pages/objectives.html", context)


def _row(one: Judgement, choice: Choice, sent: Container[str]) -> Row:
    objective = one.objective
    unit = one.unit
    once = objective.reach == Objective.Reach.ONCE
    return Row(
        objective,
        "unknown" if once and one.verdict == "missed" else one.verdict,
        # A capacity nobody has asked for is not a fault.
        _("not reached") if once and one.verdict == "missed" else _VERDICTS[one.verdict],
        # Languages differ in which of the two comes first.
        _("%(side)s %(goal)s")
        % {"side": objective.get_side_display(), "goal": figure(objective.goal, unit)},
        figure(one.current, unit),
        figure(one.best if once else one.worst, unit),
        "" if one.attained is None else _attained(one, once=once),
        "" if one.trend is None else f"{one.trend:+.0%}",
        sparkline([value for _at, value in one.points], objective.goal) if one.windows else None,
        _why(one, sent),
        _explorer(objective, choice),
    )


def _attained(one: Judgement, *, once: bool) -> str:
    if once and one.best is not None and one.objective.goal > 0:
        return _("%(share)s of the goal") % {"share": f"{one.best / one.objective.goal:.0%}"}
    return _("%(share)s of %(n)d") % {"share": _percent(one.attained or 0.0), "n": one.windows}


def _percent(share: float) -> str:
    # Nearly all is not all.
    return f"{share:.0%}" if share in (0.0, 1.0) else f"{min(share, 0.9999):.2%}"


def _why(one: Judgement, sent: Container[str]) -> str:
    if one.error == "late":
        return _("This took too long to judge: choose a shorter range.")
    if one.error:
        return one.error
    if not one.windows and one.objective.metric in sent:
        return _("No whole window of %(metric)s lies in this range.") % {
            "metric": one.objective.metric
        }
    if not one.windows:
        return _("Nobody has sent %(metric)s in this range.") % {"metric": one.objective.metric}
    return ""


def _explorer(objective: Objective, choice: Choice) -> str:
    wish = [("name", objective.metric), ("agg", objective.aggregation)]
    wish += [("where", f"{label}={value}") for label, value in objective.scope.items()]
    wish += [("by", label) for label in objective.by]
    wish += [("from", choice.from_), ("to", choice.to)]
    return f"{reverse('metrics')}?{urlencode(wish)}"
