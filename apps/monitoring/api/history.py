"""How one component fared."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.monitoring.api import ranges
from apps.monitoring.queries.history import MOST_SLOTS, history


class HistoryParameters(ranges.RangeParameters):
    """Which time, in how many slices."""

    slots = serializers.IntegerField(
        min_value=1, max_value=MOST_SLOTS, default=48,
        help_text="About so many slices; fewer where figures are kept in coarser steps.",
    )  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        """A day, where nothing is said."""
        fields = super().get_fields()
        fields["from"] = serializers.CharField(default="now-24h", max_length=64)
        return fields


class SlotSerializer(serializers.Serializer[Any]):
    """One slice of time."""

    start = serializers.DateTimeField()
    status = serializers.ChoiceField(
        ["ok", "degraded", "down", "unknown"], allow_null=True,
        help_text="The worst in this slice; null where nothing is known.",
    )  # fmt: skip


class HistorySerializer(serializers.Serializer[Any]):
    """Slices, oldest first."""

    key = serializers.CharField()
    step_s = serializers.IntegerField(help_text="How long one slice is, in seconds.")
    slots = SlotSerializer(many=True)
    kept = serializers.BooleanField(help_text="false where no history of this component is kept.")


class ComponentHistoryView(Endpoint):
    """The worst state of one component, slice by slice."""

    required_permissions: ClassVar = {"GET": "monitoring.view_collectorstate"}
    parameters = HistoryParameters

    @extend_schema(
        responses={200: HistorySerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        """At most 200 slices."""
        asked = self.asked(request)
        found = history(key, ranges.time_range(asked), asked["slots"])
        slots = [{"start": slot.start, "status": slot.status} for slot in found.slots]
        return self.reply(
            {"key": found.key, "step_s": found.step_s, "slots": slots, "kept": found.kept}
        )
