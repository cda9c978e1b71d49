"""What helps to ask for metrics: their labels, and the values of those."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.views import Endpoint
from apps.monitoring.api.conditions import MetricParameters
from apps.monitoring.queries import labels


class ValueParameters(MetricParameters):
    """Which label, and a part of its value."""

    part = serializers.CharField(
        default="", allow_blank=True, max_length=255, trim_whitespace=False,
        help_text="What the value holds, in whatever case.",
    )  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        """`label` is a word of DRF's."""
        told = "The name of the label."
        field = serializers.CharField(max_length=255, help_text=told)
        return {"label": field, **super().get_fields()}


class LabelSerializer(serializers.Serializer[Any]):
    """One label."""

    name = serializers.CharField()
    values = serializers.IntegerField(help_text="How many different values it has.")
    series = serializers.IntegerField(help_text="In how many series it is.")


class LabelsSerializer(serializers.Serializer[Any]):
    """The labels of a metric, those with most values first; at most 200."""

    items = LabelSerializer(many=True)


class ValueSerializer(serializers.Serializer[Any]):
    """One value."""

    value = serializers.CharField(allow_blank=True)
    series = serializers.IntegerField(help_text="How many series have it.")


class ValuesSerializer(serializers.Serializer[Any]):
    """The values of a label, the most frequent first; at most 100."""

    items = ValueSerializer(many=True)


class MetricLabelsView(Endpoint):
    """The labels of a metric's series and of those who send them."""

    parameters = MetricParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(responses=LabelsSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Empty for a metric nobody has sent."""
        asked = self.asked(request)
        found = labels.labels(asked["name"], asked["where"])
        return self.reply({"items": [
            {"name": one.name, "values": one.values, "series": one.series} for one in found
        ]})  # fmt: skip


class LabelValuesView(Endpoint):
    """The values of one label of a metric."""

    parameters = ValueParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(responses=ValuesSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Empty for a label nobody has sent."""
        asked = self.asked(request)
        found = labels.values(asked["name"], asked["label"], asked["part"], asked["where"])
        return self.reply({"items": [{"value": v.value, "series": v.series} for v in found]})
