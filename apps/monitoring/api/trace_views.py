"""The list of traces, and one whole trace."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.errors import NotFoundError
from apps.monitoring.api import rows
from apps.monitoring.api.searches import TraceIdField, TraceParameters, trace_filter
from apps.monitoring.api.searching import Searched, SearchEndpoint
from apps.monitoring.queries import traces
from apps.monitoring.queries.position import Place


class RootSpanSerializer(serializers.Serializer[Any]):
    """One trace by its root span."""

    id = serializers.CharField(help_text="For `after`.")
    ts = serializers.DateTimeField()
    trace_id = serializers.CharField()
    span_id = serializers.CharField()
    service = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="server, client, …; empty where it was not said.")
    failed = serializers.BooleanField()
    duration_us = serializers.IntegerField()


class ServicePartSerializer(serializers.Serializer[Any]):
    """What one service did in a trace."""

    name = serializers.CharField()
    spans = serializers.IntegerField()
    failed = serializers.IntegerField()
    self_us = serializers.IntegerField()


class TraceSpanSerializer(serializers.Serializer[Any]):
    """One span in its place."""

    span_id = serializers.CharField()
    parent_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    service = serializers.CharField()
    kind = serializers.CharField()
    failed = serializers.BooleanField()
    orphan = serializers.BooleanField(help_text="Whether its parent was never received.")
    depth = serializers.IntegerField(help_text="0 for a root.")
    offset_us = serializers.IntegerField(help_text="After the start of the trace.")
    duration_us = serializers.IntegerField()
    self_us = serializers.IntegerField(help_text="In which none of its children ran.")
    attrs = serializers.DictField()


class TraceSerializer(serializers.Serializer[Any]):
    """A whole trace."""

    trace_id = serializers.CharField()
    start = serializers.DateTimeField()
    duration_us = serializers.IntegerField()
    truncated = serializers.BooleanField(help_text="Whether it has more spans than are here.")
    services = ServicePartSerializer(many=True)
    spans = TraceSpanSerializer(many=True, help_text="Depth first.")


class TraceSizeParameters(serializers.Serializer[Any]):
    """How much of a trace."""

    most = serializers.IntegerField(
        min_value=1, max_value=traces.MOST_SPANS, default=traces.MOST_SPANS,
        help_text="The first so many spans.",
    )  # fmt: skip


class TraceListView(SearchEndpoint):
    """Traces by their root spans, newest first."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = TraceParameters
    item = RootSpanSerializer

    def search(
        self, asked: dict[str, Any], time_range: Any, after: Place | None, limit: int
    ) -> Searched:
        """One page."""
        return traces.search(time_range, trace_filter(asked), after=after, limit=limit)

    def show(self, row: Any) -> dict[str, Any]:
        """JSON-ready."""
        return dict(rows.root_row(row))


class TraceView(Endpoint):
    """One whole trace."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = TraceSizeParameters

    @extend_schema(
        responses={200: TraceSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, trace_id: str) -> HttpResponse:
        """Its services, and its spans depth first."""
        key = TraceIdField().run_validation(trace_id[:64])
        found = traces.tree(key, self.asked(request)["most"])
        if found is None:
            raise NotFoundError("Nothing of this trace is kept.")
        return self.reply(rows.trace_body(key, found))
