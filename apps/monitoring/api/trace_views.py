"""The list of traces, one whole trace, and its spans one by one."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.errors import InvalidInputError, NotFoundError
from apps.monitoring.api import rows, trace_rows
from apps.monitoring.api.searches import TraceIdField, TraceParameters, trace_filter
from apps.monitoring.api.searching import Searched, SearchEndpoint
from apps.monitoring.api.trace_serializers import (
    RootSpanSerializer,
    SpanDetailsSerializer,
    TraceSerializer,
    TraceShapeSerializer,
)
from apps.monitoring.queries import traces
from apps.monitoring.queries.spanplace import SpanPlace
from apps.monitoring.traces import reading
from apps.monitoring.traces.formats import FORMATS, whole

_NOT_KEPT = "Nothing of this trace is kept."


class TraceParametersOfOne(serializers.Serializer[Any]):
    """How much of a trace, and in which form."""

    most = serializers.IntegerField(
        min_value=1, max_value=reading.MOST_SPANS, default=reading.MOST_SPANS,
        help_text="The first so many spans.",
    )  # fmt: skip
    format = serializers.ChoiceField(
        ["json", *FORMATS], default="json",
        help_text="`json` is Pharos' own; `otlp` is OTLP/JSON, `jaeger` what Jaeger's UI loads,"
        " `zipkin` Zipkin's v2.",
    )  # fmt: skip


class TraceListView(SearchEndpoint):
    """Traces by their root spans, newest first."""

    required_permissions: ClassVar = {"GET": "monitoring.view_span"}
    parameters = TraceParameters
    item = RootSpanSerializer
    spot = SpanPlace

    def search(
        self, asked: dict[str, Any], time_range: Any, after: SpanPlace | None, limit: int
    ) -> Searched:
        """One page."""
        return traces.search(time_range, trace_filter(asked), after=after, limit=limit)

    def show(self, row: Any) -> dict[str, Any]:
        """JSON-ready."""
        return dict(rows.root_row(row))


class _OneTrace(Endpoint):
    required_permissions: ClassVar = {"GET": "monitoring.view_span"}

    @staticmethod
    def key(trace_id: str) -> Any:
        """The id in the address. Raises ValidationError."""
        return TraceIdField().run_validation(trace_id[:64])


class TraceView(_OneTrace):
    """One whole trace."""

    parameters = TraceParametersOfOne

    @extend_schema(
        responses={200: TraceSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, trace_id: str) -> HttpResponse:
        """Its services, its critical path, and its spans depth first; or another tool's form."""
        key, asked = self.key(trace_id), self.asked(request)
        if asked["format"] != "json":
            return self._other(key, asked["format"], asked["most"])
        found = reading.read(key, asked["most"], with_attrs=True)
        if found is None:
            raise NotFoundError(_NOT_KEPT)
        return self.reply(trace_rows.trace_body(found))

    def _other(self, key: Any, form: str, most: int) -> HttpResponse:
        found = whole.read([key], most)
        if not found:
            raise NotFoundError(_NOT_KEPT)
        response = self.reply(FORMATS[form](found))
        response["Content-Disposition"] = f'attachment; filename="{key.hex}.{form}.json"'
        return response


class TraceShapeView(_OneTrace):
    """One trace in columns, without attributes: what the pages draw."""

    @extend_schema(
        responses={200: TraceShapeSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, trace_id: str) -> HttpResponse:  # noqa: ARG002 (DRF's)
        """Every span's name, service and times, depth first."""
        found = reading.read(self.key(trace_id))
        if found is None:
            raise NotFoundError(_NOT_KEPT)
        return self.reply(trace_rows.trace_shape(found))


class SpanView(_OneTrace):
    """What one span says of itself."""

    @extend_schema(
        responses={200: SpanDetailsSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, trace_id: str, span_id: str) -> HttpResponse:  # noqa: ARG002
        """Its attributes, events and links."""
        number = _span_id(span_id)
        found = reading.details(self.key(trace_id), [number]).get(number)
        if found is None:
            raise NotFoundError("This span is not kept.")
        return self.reply(trace_rows.span_details(found))


def _span_id(text: str) -> int:
    try:
        number = int(text, 16) if len(text) == 16 else -1
    except ValueError:
        number = -1
    if number < 0:
        raise InvalidInputError(_("A span id has 16 hexadecimal digits."), {"parameter": "span"})
    return number - (1 << 64) if number >> 63 else number
