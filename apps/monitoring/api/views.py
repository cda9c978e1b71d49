"""Metric series, their catalogue, and the state of components."""

from dataclasses import asdict
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.schema import ErrorSerializer
from apps.core.timerange import TimeRange
from apps.monitoring.api.serializers import (
    ComponentSerializer,
    ComponentsSerializer,
    MetricNameSerializer,
    MetricNamesFilterSerializer,
    MetricNamesSerializer,
    MetricsFilterSerializer,
    MetricsSerializer,
)
from apps.monitoring.queries import charts, figures, series
from apps.monitoring.queries.components import components


class MetricsView(APIView):
    """Series of one or more metrics, and the summary of their period."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(
        parameters=[MetricsFilterSerializer],
        responses={200: MetricsSerializer, 400: ErrorSerializer, 503: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """At most 100 series a metric, 1500 points a series and 50,000 points in all."""
        wanted = MetricsFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        time_range = TimeRange.parse(asked["from"], asked["to"])
        lines = charts.lines(
            charts.Wish(
                names=asked["names"],
                scope=asked["labels"],
                by=tuple(asked["by"]),
                aggregation=asked.get("aggregation"),
                step_s=asked.get("step"),
            ),
            time_range,
        )
        summary = figures.summary(time_range, asked["labels"])
        return Response({"series": lines, "summary": asdict(summary)})


class MetricNamesView(APIView):
    """The catalogue of metrics."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(
        parameters=[MetricNamesFilterSerializer],
        responses={200: MetricNamesSerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """Metrics by name, those that begin with `prefix`."""
        wanted = MetricNamesFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        found = series.catalogue(wanted.validated_data["prefix"], wanted.validated_data["limit"])
        return Response({"items": MetricNameSerializer(found, many=True).data})


class ComponentsView(APIView):
    """The state of the portal's parts and of what it watches."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_collectorstate"}

    @extend_schema(responses=ComponentsSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        """Every component."""
        return Response({"items": ComponentSerializer(components(), many=True).data})
