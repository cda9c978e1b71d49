"""The figures of the explorer: the chart, its lines as rows, and the exemplars on it."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import OperationalError
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from psycopg.errors import QueryCanceled
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.renderers import CSVRenderer, JSONRenderer
from apps.core.api.views import Endpoint
from apps.core.charts import Window, figure
from apps.core.charts.board import BoardAnswerSerializer, chosen, csv_of
from apps.core.charts.figure import Line
from apps.monitoring.queries import exemplars, ranked
from apps.monitoring.queries.exemplars import Exemplar
from apps.monitoring.queries.ranked import Ranked, RankedLine
from portal.metrics.question import Question, QuestionParameters

PANEL = "metric"


class RowSerializer(serializers.Serializer[Any]):
    """One line of the chart as a row."""

    name = serializers.CharField()
    whole = serializers.FloatField(allow_null=True, help_text="The figure over the whole range.")
    min = serializers.FloatField(allow_null=True, help_text="The lowest point.")
    max = serializers.FloatField(allow_null=True, help_text="The highest point.")
    last = serializers.FloatField(allow_null=True, help_text="The newest point.")
    merged = serializers.IntegerField(help_text="How many groups are in it.")

    def get_fields(self) -> dict[str, Any]:
        """`labels` are a mapping."""
        return {**super().get_fields(), "labels": serializers.DictField()}


class ExemplarSerializer(serializers.Serializer[Any]):
    """One observation with its trace."""

    at = serializers.IntegerField(help_text="Milliseconds since 1970.")
    value = serializers.FloatField()
    trace_id = serializers.CharField()
    href = serializers.CharField(help_text="The page of the trace.")


class ExplorerSerializer(BoardAnswerSerializer):
    """The chart, and what stands below it."""

    rows = RowSerializer(many=True)
    exemplars = ExemplarSerializer(many=True)
    unit = serializers.CharField()
    groups = serializers.IntegerField(help_text="How many lines there would be without `top`.")
    series = serializers.IntegerField(help_text="How many series are in it.")
    cut = serializers.BooleanField(help_text="Whether there are more series than are read.")
    interpolated = serializers.BooleanField(
        help_text="Whether percentiles are read between bounds that the sender chose."
    )


class ExplorerData(Endpoint):
    """One metric over the range, ranked."""

    parameters = QuestionParameters
    renderer_classes: Any = [JSONRenderer, CSVRenderer]
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(responses=ExplorerSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """The largest series and all others as one."""
        question = Question.of(self.asked(request))
        choice, window, width_px = chosen(request.query_params, "now-1h")
        slow: list[str] = []
        found = _read(question, window, slow)
        lines = [] if found is None else found.lines
        names = _names(question.query.metric, lines)
        drawn = [_line(one, name) for one, name in zip(lines, names, strict=True)]
        unit = lines[0].result.unit if lines else ""
        if request.accepted_renderer.format == "csv":
            return csv_of(request, PANEL, drawn, unit)
        rows = [_row(one, name) for one, name in zip(lines, names, strict=True)]
        return self.reply({
            "panels": {PANEL: figure(drawn, unit, width_px)},
            "range": choice.told(), "start": _ms(window.start), "end": _ms(window.end),
            "step_s": found.step_s if found else window.step_s, "slow": slow,
            "marks": [], "points": {},
            "rows": rows, "unit": unit,
            "exemplars": [_exemplar(one) for one in _exemplars(request, question, window)],
            "groups": found.groups if found else 0, "series": found.series if found else 0,
            "cut": bool(found and found.cut),
            "interpolated": any(one.result.interpolated for one in lines),
        })  # fmt: skip


def _read(question: Question, window: Window, slow: list[str]) -> Ranked | None:
    step_s = max(window.step_s, question.step_s or 0)
    try:
        return ranked.read(question.query, window.readable, step_s, question.top)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        slow.append(PANEL)
        return None


def _exemplars(request: Request, question: Question, window: Window) -> list[Exemplar]:
    # What is no time cannot lie on the chart of a rate.
    if not exemplars.fits(question.query) or not request.user.has_perm("monitoring.view_span"):
        return []
    try:
        return exemplars.read(question.query, window.readable)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return []


def _names(metric: str, lines: list[RankedLine]) -> list[str]:
    names = []
    for line in lines:
        told = ", ".join(f"{key}={value}" for key, value in line.result.labels.items())
        if line.merged > 1:
            told = f"… (+{line.merged})"
        names.append(told or metric)
    return names


def _line(line: RankedLine, name: str) -> Line:
    points = line.result.points
    return Line(name, [_ms(at) for at, _ in points], [value for _, value in points])


def _row(line: RankedLine, name: str) -> dict[str, Any]:
    known = [value for _, value in line.result.points if value is not None]
    return {
        "name": name, "labels": line.result.labels, "whole": line.whole, "merged": line.merged,
        "min": min(known, default=None), "max": max(known, default=None),
        "last": known[-1] if known else None,
    }  # fmt: skip


def _exemplar(one: Exemplar) -> dict[str, Any]:
    return {
        "at": _ms(one.at), "value": one.value, "trace_id": one.trace_id.hex,
        "href": reverse("trace", args=[one.trace_id.hex]),
    }  # fmt: skip


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
