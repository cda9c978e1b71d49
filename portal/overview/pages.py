"""The Overview page and the JSON it loads first."""

from difflib import get_close_matches
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.alerts.queries import open_episodes
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.renderers import CSVRenderer, JSONRenderer
from apps.core.api.views import Endpoint
from apps.core.charts import Window, figure
from apps.core.charts.board import BoardParameters, csv_of, pick
from apps.core.errors import NotFoundError
from apps.core.rangepicker import Choice
from apps.monitoring.queries.services import services
from portal.overview import payload, topic
from portal.overview.choice import OWN, choose, service_of
from portal.overview.panels import PANELS, REQUESTS, Panel
from portal.overview.strip import WHY, worded


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the admin's index page (unfold's DASHBOARD_CALLBACK)."""
    known = [service.name for service in services()]
    unknown = ""
    try:
        service = service_of(request.GET)
    except NotFoundError:
        service, unknown = OWN, request.GET["service"][:100]
    choice = Choice.read(request.GET)
    return {
        **context,
        "title": _("Overview"),
        "services": known if OWN in known else [OWN, *known],
        "service": service,
        "choice": choice,
        "unknown": unknown,
        "instead": _instead(unknown, known, choice) if unknown else [],
        # What stands above the charts is there at once: nothing moves when figures arrive.
        "components": worded(),
        "why": WHY,
        "alerts": range(len(open_episodes(payload.MOST_ALERTS))),
        "mistakes": choice.mistakes,
        "panels": [
            # What only an agent on the machine tells is shown of others when there is something.
            {
                "panel": panel,
                "optional": panel.host and service != OWN,
                "href": _more(panel, service, choice, request),
                **_remedy(panel, service, request),
            }
            for panel in PANELS
        ],
        "data_url": reverse("overview-data"),
        "episodes_url": _episodes_url(),
        "history_url": _history_url(request),
    }


class OverviewParameters(BoardParameters):
    """The range and the service."""

    service = serializers.CharField(required=False, help_text="What sent the telemetry.")


class OverviewAnswerSerializer(serializers.Serializer[Any]):
    """Figures of the whole range and the state of everything now."""

    state = serializers.DictField(help_text="Tiles, components, alerts; `before`: a range earlier.")
    figures = serializers.DictField(help_text="Plotly figures by panel.")
    range = serializers.DictField(help_text="The range as the picker shows it.")
    topic = serializers.CharField(help_text="The live topic to follow; empty for a past range.")


class OverviewData(Endpoint):
    """The Overview of one service."""

    parameters = OverviewParameters
    # As the page: every member of staff.
    required_permissions: ClassVar = {"GET": ()}
    renderer_classes: Any = [JSONRenderer, CSVRenderer]

    @extend_schema(responses={200: OverviewAnswerSerializer, 404: ErrorSerializer})
    def get(self, request: Request) -> HttpResponseBase:
        """`payload.whole` and a figure for each panel, or one panel's points as CSV."""
        service, choice, window, width_px = choose(request.query_params)
        message = payload.whole(service, window)
        if request.accepted_renderer.format == "csv":
            panel = pick(PANELS, self.asked(request).get("panel"))
            return csv_of(request, panel.key, payload.drawn(message, panel.key), panel.unit)
        return self.reply({
            "state": {key: value for key, value in message.items() if key != "panels"},
            "figures": {
                panel.key: figure(payload.drawn(message, panel.key), panel.unit, width_px)
                for panel in PANELS
            },
            "range": choice.told(),
            "topic": _topic(service, window),
        })  # fmt: skip


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


def _more(panel: Panel, service: str, choice: Choice, request: HttpRequest) -> str:
    """The page that tells more of what a panel draws; empty for those who may not look."""
    page, permission, query = "metrics", "monitoring.view_metric", {"name": panel.metric}
    if panel.metric == REQUESTS:
        page, permission, query = "performance", "monitoring.view_span", {}
    if not request.user.has_perm(permission):
        return ""
    of = {"where": f"service.name={service}"} if query and not panel.host else {}
    of = of or ({} if query else {"service": service})
    return f"{reverse(page)}?{urlencode({**query, **of, 'from': choice.from_, 'to': choice.to})}"


def _instead(unknown: str, known: list[str], choice: Choice) -> list[dict[str, str]]:
    """The services that are written much like this one, and our own: names and addresses."""
    close = get_close_matches(unknown, known, n=3)
    ends = {"from": choice.from_, "to": choice.to}
    return [
        {"name": name, "href": f"?{urlencode({'service': name, **ends})}"}
        for name in dict.fromkeys([*close, OWN])
    ]


def _history_url(request: HttpRequest) -> str:
    """The history of one component; the script puts its key in place of KEY. "": not for them."""
    if not request.user.has_perm("monitoring.view_collectorstate"):
        return ""
    return reverse("component-history", args=["KEY"])


def _episodes_url() -> str:
    """The page of one episode; the script puts its id in place of the zeros."""
    return reverse("admin:alerts_episode_change", args=["00000000-0000-0000-0000-000000000000"])
