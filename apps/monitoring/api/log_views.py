"""The log search, and one whole line."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.errors import NotFoundError
from apps.monitoring.api import rows
from apps.monitoring.api.searches import LogParameters, log_filter
from apps.monitoring.api.searching import Searched, SearchEndpoint
from apps.monitoring.queries import logs
from apps.monitoring.queries.lineplace import LinePlace


class LogLineSerializer(serializers.Serializer[Any]):
    """One log line."""

    id = serializers.CharField(help_text="For `/admin/logs/lines/{id}` and `after`.")
    ts = serializers.DateTimeField()
    service = serializers.CharField()
    level = serializers.CharField(help_text="trace to fatal; empty where its sender named none.")
    severity = serializers.IntegerField(help_text="OpenTelemetry's severity number.")
    body = serializers.CharField(help_text="The first 4,000 letters.")
    body_length = serializers.IntegerField(help_text="All letters.")
    cut = serializers.BooleanField(help_text="Whether the line holds more than is here.")
    trace_id = serializers.CharField(allow_null=True)
    span_id = serializers.CharField(allow_null=True)
    attrs = serializers.DictField(allow_null=True, help_text="null where they are large.")


class LogSearchView(SearchEndpoint):
    """Log lines, newest first."""

    required_permissions: ClassVar = {"GET": "monitoring.view_logrecord"}
    parameters = LogParameters
    item = LogLineSerializer
    spot = LinePlace

    def search(
        self, asked: dict[str, Any], time_range: Any, after: LinePlace | None, limit: int
    ) -> Searched:
        """One page."""
        return logs.search(time_range, log_filter(asked), after=after, limit=limit)

    def show(self, row: Any) -> dict[str, Any]:
        """JSON-ready."""
        return dict(rows.log_row(row))


class LogLineView(Endpoint):
    """One log line as it was sent."""

    required_permissions: ClassVar = {"GET": "monitoring.view_logrecord"}

    @extend_schema(
        responses={200: LogLineSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, line_id: str) -> HttpResponse:  # noqa: ARG002 (DRF's signature)
        """The whole body and all attributes."""
        line = logs.line(LinePlace.parse(line_id))
        if line is None:
            raise NotFoundError("This line is no longer kept.")
        return self.reply(rows.log_row(line))
