"""Metric series, their catalogue, and the state of components."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.api.cursors import Key
from apps.core.api.sources import Reader
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.timerange import TimeRange
from apps.monitoring.api.serializers import (
    ComponentSerializer,
    MetricNameSerializer,
    MetricNamesFilterSerializer,
    MetricsFilterSerializer,
    MetricsSerializer,
)
from apps.monitoring.queries import charts, figures, reads
from apps.monitoring.queries.catalogue import MetricInfo, catalogue
from apps.monitoring.queries.components import Component, components


class MetricsView(Endpoint):
    """Series of one or more metrics, and the summary of their period."""

    parameters = MetricsFilterSerializer
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    @extend_schema(responses=MetricsSerializer)
    def get(self, request: Request) -> HttpResponse:
        """At most 100 series a metric, 1500 points a series and 50,000 points in all."""
        with reads.by("api"):
            return self.reply(self._answer(self.asked(request)))

    @staticmethod
    def _answer(asked: dict[str, Any]) -> dict[str, Any]:
        time_range = TimeRange.parse(asked["from"], asked["to"])
        lines = charts.lines(
            charts.Wish(
                names=asked["names"],
                scope=asked["labels"],
                by=tuple(asked["by"]),
                aggregation=asked.get("aggregation"),
                step_s=asked.get("step"),
                where=asked["where"],
                points=asked.get("points"),
                top=asked.get("top"),
            ),
            time_range,
        )
        summary = figures.summary(time_range, asked["labels"])
        return {"series": lines, "summary": asdict(summary)}


class MetricNamesView(ListEndpoint):
    """The catalogue of metrics by name: those that begin with `prefix` and hold `search`."""

    parameters = MetricNamesFilterSerializer
    item = MetricNameSerializer
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_metric"}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[MetricInfo]:  # noqa: ARG002
        """Metrics in the order of name, unit and kind."""

        def read(after: Key | None, limit: int) -> list[MetricInfo]:
            return catalogue(asked["prefix"], limit, after, asked["search"])

        return Reader(read, lambda metric: (metric.name, metric.unit, metric.kind))


class ComponentsView(ListEndpoint):
    """The state of the portal's parts and of what it watches, our own parts first."""

    item = ComponentSerializer
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_collectorstate"}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[Component]:  # noqa: ARG002
        """Every component; there are never more than a few dozen."""
        found = components()
        places = {component.key: place for place, component in enumerate(found)}

        def read(after: Key | None, limit: int) -> list[Component]:
            # One that is gone since the page before has left its place to the next.
            start = 0 if after is None else places.get(after[0], after[1] - 1) + 1
            return found[start : start + limit]

        return Reader(read, lambda component: (component.key, places[component.key]))
