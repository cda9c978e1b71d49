"""`/metrics`: the figures of all processes of this portal, for Prometheus.

Prometheus sends a key of scope `read`:

    authorization:
      credentials: <key>
"""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import choose_encoder
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from apps.core.api.views import Endpoint
from apps.monitoring.recorder import exposition


class _Whatever(BaseContentNegotiation):
    """Scrapers ask for formats that no renderer of the API has; errors are JSON for them too."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


@extend_schema(exclude=True)
class MetricsView(Endpoint):
    """Figures in Prometheus' text format, or OpenMetrics when asked for."""

    # Scrapers add parameters of their own.
    parameters = None
    content_negotiation_class = _Whatever
    required_scopes: ClassVar = {"GET": "read"}

    def get(self, request: Request) -> HttpResponse:
        """All processes added up. Reads files only: it works while PostgreSQL is away."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(exposition.registry()), content_type=content_type)


view = MetricsView.as_view()
