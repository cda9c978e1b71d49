"""What metrics cost, and dropping those nobody wants."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core import caller
from apps.core.api.fields import Text
from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.monitoring.models import DropRule, MetricCost
from apps.monitoring.queries import costs
from apps.monitoring.services import drops


class CostParameters(serializers.Serializer[Any]):
    """Which metrics."""

    search = serializers.CharField(
        default="", allow_blank=True, max_length=255, help_text="Words the name holds."
    )


class CostSerializer(serializers.Serializer[Any]):
    """What one metric costs."""

    name = serializers.CharField()
    series = serializers.IntegerField()
    rows = serializers.IntegerField(help_text="In all tiers: raw points, minutes, hours, days.")
    bytes = serializers.IntegerField(help_text="With its share of the indexes.")
    points_per_s = serializers.FloatField(help_text="Raw points, mean over a day.")
    sampled = serializers.BooleanField(help_text="Whether rows and bytes are extrapolated.")
    measured_at = serializers.DateTimeField()
    last_read_at = serializers.DateTimeField(
        allow_null=True, help_text="To ten minutes; null: not since reads are counted."
    )
    unused = serializers.BooleanField(help_text="Nobody has read it for 30 days.")
    dropped = serializers.BooleanField(help_text="Its points are dropped on arrival.")


class CostsView(ListEndpoint):
    """Metrics by what they cost, the most bytes first; measured every 15 minutes."""

    parameters = CostParameters
    item = CostSerializer
    order = ("-bytes", "name")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metriccost"}

    _usage: costs.Usage | None = None
    _dropped: dict[str, DropRule] | None = None

    def rows(self, request: Request, asked: dict[str, Any]) -> "QuerySet[MetricCost]":  # noqa: ARG002
        """Those whose name holds the words."""
        return costs.costs(asked["search"])

    def show(self, row: MetricCost) -> dict[str, Any]:
        """One metric; who reads it and what is dropped is asked once for all rows."""
        if self._usage is None or self._dropped is None:
            self._usage, self._dropped = costs.usage(), costs.dropped()
        return {
            "name": row.name, "series": row.series, "rows": row.rows, "bytes": row.bytes,
            "points_per_s": row.points_per_s, "sampled": row.sampled,
            "measured_at": row.measured_at, "last_read_at": self._usage.last(row.name),
            "unused": self._usage.unused(row), "dropped": row.name in self._dropped,
        }  # fmt: skip


class DropSerializer(serializers.Serializer[Any]):
    """One drop rule."""

    name = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class NewDropSerializer(serializers.Serializer[Any]):
    """The metric to drop, and why."""

    name = Text(max_length=600)
    reason = Text(max_length=200, required=False, default="", allow_blank=True)


class DropsView(ListEndpoint):
    """Metrics that are dropped on arrival."""

    item = DropSerializer
    order = ("name",)
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {
        "GET": "monitoring.view_droprule", "POST": "monitoring.add_droprule",
    }  # fmt: skip

    def rows(self, request: Request, asked: dict[str, Any]) -> "QuerySet[DropRule]":  # noqa: ARG002
        """Every rule."""
        return DropRule.objects.all()

    @extend_schema(
        request=NewDropSerializer,
        responses={201: DropSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Drop a metric's points from now on; what is stored stays."""
        body = NewDropSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        rule = drops.drop(by=caller.actor(), **body.validated_data)
        rule.refresh_from_db()
        return self.reply(self.show(rule), status=201)


class DropView(Endpoint):
    """One drop rule."""

    parameters = None
    required_scopes: ClassVar = {"DELETE": "operate"}
    required_permissions: ClassVar = {"DELETE": "monitoring.delete_droprule"}

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, name: str) -> HttpResponse:  # noqa: ARG002
        """Take the metric in again."""
        drops.take_in(name)
        return HttpResponse(status=204)
