"""The Overview page and the JSON it loads first."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.core.charts import Window, figure
from apps.core.charts.window import width_of
from apps.core.errors import NotFoundError, PortalError
from apps.core.rangepicker import REFRESH, Choice
from apps.monitoring.queries.services import services
from portal.overview import payload, topic
from portal.overview.choice import OWN, choose, service_of
from portal.overview.panels import PANELS, Panel
from portal.pages import json_error, staff_json


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the admin's index page (unfold's DASHBOARD_CALLBACK)."""
    known = [service.name for service in services()]
    mistake = ""
    try:
        service = service_of(request.GET)
    except NotFoundError as error:
        service, mistake = OWN, error.message
    choice = Choice.read(request.GET)
    return {
        **context,
        "title": _("Overview"),
        "services": known if OWN in known else [OWN, *known],
        "service": service,
        "choice": choice,
        "refresh_choices": REFRESH,
        "mistake": mistake,
        "mistakes": choice.mistakes,
        "panels": [
            # What only an agent on the machine tells is shown of others when there is something.
            {
                "panel": panel,
                "optional": panel.host and service != OWN,
                **_remedy(panel, service, request),
            }
            for panel in PANELS
        ],
        "data_url": reverse("overview-data"),
        "episodes_url": _episodes_url(),
    }


@require_GET
@never_cache
@staff_json
def data(request: HttpRequest) -> HttpResponse:
    """The whole range of one service: `payload.whole`, a figure for each panel, the range told."""
    try:
        service, choice, window = choose(request.GET)
        width = width_of(request.GET.get("width"))
        message = payload.whole(service, window)
    except PortalError as error:
        return json_error(request, error)
    answer = {
        "data": {key: value for key, value in message.items() if key != "panels"},
        "figures": {
            panel.key: figure(payload.drawn(message, panel.key), panel.unit, width)
            for panel in PANELS
        },
        "range": choice.told(),
        "topic": _topic(service, window),
    }
    return HttpResponse(orjson.dumps(answer), content_type="application/json")


def _topic(service: str, window: Window) -> str:
    return topic.name(service, window.step_s) if window.live else ""


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
