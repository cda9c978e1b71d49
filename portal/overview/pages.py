"""The Overview page and the JSON it loads first."""

from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.core.errors import InvalidInputError, NotFoundError, PortalError
from apps.monitoring.queries.services import services
from portal.overview import payload, topic
from portal.overview.choice import OWN, choose
from portal.overview.figures import figure
from portal.overview.panels import PANELS, Panel
from portal.overview.ranges import DEFAULT, SPANS
from portal.pages import json_error, staff_json


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the admin's index page (unfold's DASHBOARD_CALLBACK)."""
    known = [service.name for service in services()]
    mistake = ""
    try:
        service, span = choose(request.GET.dict())
    except (InvalidInputError, NotFoundError) as error:
        service, span, mistake = OWN, SPANS[DEFAULT], error.message
    query = "?" + urlencode({"service": service, "range": span.key})
    return {
        **context,
        "title": _("Overview"),
        "services": known if OWN in known else [OWN, *known],
        "service": service,
        "spans": SPANS.values(),
        "span": span,
        "mistake": mistake,
        "panels": [
            # What only an agent on the machine tells is shown of others when there is something.
            {
                "panel": panel,
                "optional": panel.host and service != OWN,
                **_remedy(panel, service, request),
            }
            for panel in PANELS
        ],
        "data_url": reverse("overview-data") + query,
        "topic": topic.name(service, span.key),
        "episodes_url": _episodes_url(),
    }


@require_GET
@never_cache
@staff_json
def data(request: HttpRequest) -> HttpResponse:
    """The whole range of one service: `payload.whole` and a figure for each panel."""
    try:
        service, span = choose(request.GET.dict())
        message = payload.whole(service, span)
    except PortalError as error:
        return json_error(request, error)
    figures = {panel.key: figure(panel, message["panels"][panel.key]) for panel in PANELS}
    body = orjson.dumps({"data": message, "figures": figures}, option=orjson.OPT_SERIALIZE_NUMPY)
    return HttpResponse(body, content_type="application/json")


def _remedy(panel: Panel, service: str, request: HttpRequest) -> dict[str, str]:
    """Why a panel may be empty, and the one command that fills it."""
    origin = f"{request.scheme}://{request.get_host()}"
    if service == OWN:
        command = "make run" if panel.host else f"curl {origin}/health/detailed"
    elif panel.host:
        return {"why": str(panel.hint), "command": ""}
    else:
        command = f"OTEL_EXPORTER_OTLP_ENDPOINT={origin} opentelemetry-instrument <command>"
    return {"why": str(panel.hint), "command": command}


def _episodes_url() -> str:
    """The page of one episode; the script puts its id in place of the zeros."""
    return reverse("admin:alerts_episode_change", args=["00000000-0000-0000-0000-000000000000"])
