"""Objectives as they stand."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.views import Endpoint
from apps.monitoring.api import ranges
from apps.monitoring.queries import objectives
from apps.monitoring.queries.objectives import Judgement


class ObjectiveParameters(ranges.RangeParameters):
    """The range that is judged, and whose objectives."""

    group = serializers.ChoiceField(["resources", "service", "jobs"], required=False)

    def get_fields(self) -> dict[str, Any]:
        """A day, where nothing is said."""
        fields = super().get_fields()
        fields["from"] = serializers.CharField(default="now-24h", max_length=64)
        return fields


class JudgedSerializer(serializers.Serializer[Any]):
    """One objective over the range."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    group = serializers.CharField()
    metric = serializers.CharField()
    aggregation = serializers.CharField()
    side = serializers.ChoiceField(["below", "above"])
    goal = serializers.FloatField()
    reach = serializers.ChoiceField(
        ["always", "once"], help_text="once: a capacity, met by the best window."
    )
    share = serializers.FloatField(help_text="The share of windows that must meet the goal.")
    window_s = serializers.IntegerField()
    unit = serializers.CharField(allow_blank=True)
    verdict = serializers.ChoiceField(
        ["met", "missed", "unknown"], help_text="unknown: no window has data."
    )
    current = serializers.FloatField(allow_null=True, help_text="The newest complete window.")
    best = serializers.FloatField(allow_null=True)
    worst = serializers.FloatField(allow_null=True)
    attained = serializers.FloatField(allow_null=True, help_text="The share that met the goal.")
    windows = serializers.IntegerField(help_text="Windows with data.")
    trend = serializers.FloatField(
        allow_null=True, help_text="Later half of the range against the earlier one, less one."
    )
    error = serializers.CharField(allow_blank=True, help_text="Why it could not be judged.")


class JudgedListSerializer(serializers.Serializer[Any]):
    """Every objective in force."""

    items = JudgedSerializer(many=True)


class ObjectivesView(Endpoint):
    """Objectives: the figure now, and how far the goal was attained."""

    parameters = ObjectiveParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_objective"}

    @extend_schema(responses=JudgedListSerializer)
    def get(self, request: Request) -> HttpResponse:
        """At most 100."""
        asked = self.asked(request)
        wanted = [o for o in objectives.enabled() if asked.get("group") in (None, o.group)]
        found = objectives.judge_all(wanted, ranges.time_range(asked))
        return self.reply({"items": [_shown(one) for one in found]})


def _shown(one: Judgement) -> dict[str, Any]:
    objective = one.objective
    told = ("name", "group", "metric", "aggregation", "side", "goal", "reach", "share", "window_s")
    figures = ("unit", "verdict", "current", "best", "worst", "attained", "windows", "trend")
    return {
        "id": objective.pk,
        **{name: getattr(objective, name) for name in told},
        **{name: getattr(one, name) for name in figures},
        "error": one.error,
    }
