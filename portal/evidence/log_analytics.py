"""What the lines of a range say as a whole: charts, templates, and where they come from."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from apps.core.charts.board import Ask, Board, BoardParameters, Chart
from apps.core.charts.figure import Line
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange
from apps.monitoring.api.log_analytics import AnalyticsParameters, step_of
from apps.monitoring.queries import loganalytics
from apps.monitoring.queries.loganalytics import ERROR, NAMES, TemplateUse, Volume, Wish
from apps.monitoring.queries.logfilter import LEVELS
from apps.monitoring.queries.services import services
from portal.evidence import filters
from portal.evidence.guard import in_shell
from portal.pages import render

_TOP: Final = 25
_WHY: Final = gettext_lazy("No line of this kind was kept in this range.")
_COMMAND: Final = "opentelemetry-instrument --logs_exporter otlp <command>"


def _read(ask: Ask) -> tuple[Volume, list[datetime], int]:
    where = loganalytics.whole_minutes(ask.time_range)
    step_s = max(60, ask.step_s)
    wish = Wish(ask.filters.get("service", ""), ask.filters.get("level", ""))
    found = loganalytics.volume(where, step_s, wish)
    step, at = timedelta(seconds=step_s), _floor(where.start, step_s)
    since = loganalytics.known_since()
    starts: list[datetime] = []
    if since is not None:
        # What was before anything was counted is unknown, not nothing.
        at = max(at, _floor(min(since, where.end), step_s))
    while at < where.end and len(starts) < 5000:
        starts.append(at)
        at += step
    return found, starts, step_s


def _floor(moment: datetime, step_s: int) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % step_s)


def _ms(starts: Sequence[datetime]) -> list[int]:
    return [round(start.timestamp() * 1000) for start in starts]


def _by_level(ask: Ask) -> list[Line]:
    found, starts, _step = _read(ask)
    used = sorted({level for _, level in found.by_step}, reverse=True)
    return [
        Line(
            NAMES[level] or _("unset"),
            _ms(starts),
            [float(found.by_step[start, level]) for start in starts],
        )
        for level in used
    ]


def _error_rate(ask: Ask) -> list[Line]:
    found, starts, _step = _read(ask)
    lines: dict[datetime, int] = dict.fromkeys(starts, 0)
    errors: dict[datetime, int] = dict.fromkeys(starts, 0)
    for (at, level), n in found.by_step.items():
        lines[at] = lines.get(at, 0) + n
        errors[at] = errors.get(at, 0) + (n if level >= ERROR else 0)
    if not found.total:
        return []
    shares = [100 * errors[at] / lines[at] if lines[at] else None for at in starts]
    return [Line(_("errors"), _ms(starts), shares)]


class LogBoardParameters(BoardParameters):
    """The range and of which lines."""

    service = serializers.CharField(required=False, allow_blank=True, max_length=600)
    level = serializers.ChoiceField(list(LEVELS), required=False, allow_blank=True)


class LogBoard(Board):
    """Lines by level, and the share of errors."""

    required_permissions: ClassVar = {"GET": "monitoring.view_logrecord"}
    parameters = LogBoardParameters
    charts = (
        Chart("lines", gettext_lazy("Lines by level"), "1", _by_level, _WHY, _COMMAND),
        Chart("errors", gettext_lazy("Share of errors"), "%", _error_rate, _WHY, _COMMAND),
    )


@in_shell("monitoring.view_logrecord")
def page(request: HttpRequest) -> HttpResponse:
    """The charts, and under them what they are made of."""
    asked = filters.read(request.GET, AnalyticsParameters)
    choice = Choice.read(request.GET, LogBoard.default_range)
    ends = {name: told for name, told in choice.mistakes.items() if name in ("from", "to")}
    context = {
        "title": _("Log analytics"),
        "choice": choice,
        "charts": LogBoard.charts,
        "filters": asked.values,
        "levels": list(LEVELS),
        "services": [service.name for service in services()],
        "mistakes": {**asked.mistakes, **ends},
    }
    if context["mistakes"]:
        return render(request, "pages/log_analytics.html", context, status=400)
    return render(request, "pages/log_analytics.html", {**context, **_told(asked.values, choice)})


def _told(values: dict[str, Any], choice: Choice) -> dict[str, Any]:
    where = loganalytics.whole_minutes(choice.time_range)
    wish = Wish(values["service"], values["level"])
    found = loganalytics.volume(where, step_of(where), wish)
    link = _links(where, wish)
    since = loganalytics.known_since()
    return {
        "found": found,
        "error_share": 100 * found.errors / found.total if found.total else None,
        "templates": _rows(loganalytics.templates(where, wish, limit=_TOP), link, found.total),
        "fresh": _rows(loganalytics.templates(where, wish, new=True, limit=_TOP), link, 0),
        "by_service": [
            (name, lines, errors, link(service=name), link(service=name, level="error"))
            for name, lines, errors in loganalytics.services(found)
        ],
        "known_since": since if since and since >= where.start else None,
    }


def _links(where: TimeRange, wish: Wish) -> Callable[..., str]:
    """The address of the lines of this range that hold what is given."""
    fixed = {"from": where.start.isoformat(), "to": where.end.isoformat(), "level": wish.level}

    def link(**more: str) -> str:
        asked = {**fixed, **more}
        return f"{reverse('logs')}?{urlencode({k: v for k, v in asked.items() if v})}"

    return link


def _rows(
    uses: list[TemplateUse], link: Callable[..., str], total: int
) -> list[tuple[TemplateUse, str, float | None]]:
    """Each with the address of its lines, and its share of all in percent."""
    return [
        (use, link(service=use.service, text=use.search), 100 * use.n / total if total else None)
        for use in uses
    ]
