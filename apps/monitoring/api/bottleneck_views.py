"""Bottlenecks: the costliest of a range, one in full, and decisions about it."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.api.cursors import Key
from apps.core.api.schema import ErrorSerializer
from apps.core.api.sources import Reader
from apps.core.api.views import Endpoint, ListEndpoint
from apps.monitoring.api import bottleneck_shapes as shapes
from apps.monitoring.api import ranges
from apps.monitoring.queries import bottlenecks as queries
from apps.monitoring.queries.bottlenecks import Cost
from apps.monitoring.services import bottlenecks as services

MOVES = {"ignore": services.ignore, "open": services.reopen, "resolve": services.resolve}


class BottleneckListView(ListEndpoint):
    """Bottlenecks by the time they cost within the range, the costliest first."""

    parameters = shapes.BottleneckParameters
    item = shapes.BottleneckSerializer
    export_rows = 10_000
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_bottleneck"}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[Cost]:  # noqa: ARG002
        """Those that match."""
        time_range, wanted = ranges.time_range(asked), shapes.wanted(asked)

        def read(after: Key | None, limit: int) -> list[Cost]:
            return queries.costs(time_range, wanted, after, limit)

        return Reader(read, lambda cost: (cost.lost_us, cost.row.pk))

    def show(self, row: Any) -> dict[str, Any]:
        """JSON-ready."""
        return shapes.body(row)


class BottleneckView(Endpoint):
    """One bottleneck."""

    parameters = ranges.RangeParameters
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {
        "GET": "monitoring.view_bottleneck",
        "POST": "monitoring.change_bottleneck",
    }

    @extend_schema(responses={200: shapes.BottleneckSerializer, 404: ErrorSerializer})
    def get(self, request: Request, fingerprint: str) -> HttpResponse:
        """What it cost within the range, why, and what to do."""
        time_range = ranges.time_range(self.asked(request))
        return self.reply(shapes.body(queries.one(services.find(fingerprint), time_range)))

    @extend_schema(
        request=shapes.BottleneckMoveSerializer,
        responses={
            200: shapes.BottleneckSerializer, 400: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer,
        },
    )  # fmt: skip
    def post(self, request: Request, fingerprint: str) -> HttpResponse:
        """Ignore it, open it again, or call it resolved."""
        told = shapes.BottleneckMoveSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        row = MOVES[told.validated_data["move"]](fingerprint, told.validated_data["reason"])
        time_range = ranges.time_range(self.asked(request))
        return self.reply(shapes.body(queries.one(row, time_range)))
