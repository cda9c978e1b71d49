"""What several traces say together: a comparison, what a route waits for, the service map."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.errors import NotFoundError
from apps.core.timerange import TimeRange
from apps.monitoring.api import ranges, trace_page_rows
from apps.monitoring.api.trace_page_serializers import (
    ComparisonParameters,
    ComparisonSerializer,
    ServiceMapParameters,
    ServiceMapSerializer,
    WaitingParameters,
    WaitingSerializer,
)
from apps.monitoring.queries import servicemap
from apps.monitoring.traces import aggregate, compare, reading, sampling
from apps.monitoring.traces.aggregate import Waiting


class ComparisonView(Endpoint):
    """What differs between two traces."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = ComparisonParameters

    @extend_schema(
        responses={200: ComparisonSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request) -> HttpResponse:
        """Every place at which they were, merged by the way of names that leads to it."""
        asked = self.asked(request)
        a, b = reading.read(asked["a"]), reading.read(asked["b"])
        if a is None or b is None:
            raise NotFoundError("Nothing of one of these traces is kept.")
        return self.reply(trace_page_rows.comparison_body(compare.compare(a, b)))


class WaitingView(Endpoint):
    """What the requests of one route wait for, over up to 200 traces."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = WaitingParameters

    @extend_schema(responses={200: WaitingSerializer, 400: ErrorSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Operations by their time on the critical paths, each with the worst trace."""
        asked = self.asked(request)
        found = waiting(ranges.time_range(asked), asked["service"], asked["name"])
        return self.reply(trace_page_rows.waiting_body(found))


class ServiceMapView(Endpoint):
    """The map of services."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = ServiceMapParameters

    @extend_schema(responses={200: ServiceMapSerializer, 400: ErrorSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Nodes and edges, busiest first."""
        asked = self.asked(request)
        found = servicemap.read(ranges.time_range(asked), sample=asked["sample"])
        return self.reply(trace_page_rows.map_body(found))


def waiting(time_range: TimeRange, service: str, name: str) -> Waiting:
    """Over the traces picked from a range. Raises UnavailableError."""
    picked = sampling.pick(time_range, service, name)
    return aggregate.aggregate(sampling.read([one for one, _ in picked]))
