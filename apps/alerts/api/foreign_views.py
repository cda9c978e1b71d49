"""Alerts of other systems: webhooks, and Alertmanager's API v2 for Prometheus and amtool."""

from datetime import UTC, datetime
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from apps.alerts.api import foreign_shapes as forms
from apps.alerts.foreign import alertmanager, sources
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint

_SCOPE: Final = "alerts"
_STARTED: Final = datetime.now(UTC)
_FILTER: Final = OpenApiParameter(
    "filter", OpenApiTypes.STR, many=True, description='Matchers, such as `alertname="Down"`.'
)
# What is in an alert is read by `apps.alerts.foreign`, which is more forgiving than a schema.
_LIST: Final = {"type": "array", "items": {"type": "object"}}
_SHOWN: Final = ("active", "silenced", "inhibited")


class WebhookView(Endpoint):
    """Alerts that another system sends."""

    required_scopes: ClassVar = {"POST": _SCOPE}
    required_permissions: ClassVar = {"POST": "alerts.add_foreignalert"}

    @extend_schema(
        request={"application/json": {"oneOf": [{"type": "object"}, _LIST]}},
        responses={200: forms.TakenAlertsSerializer, 404: ErrorSerializer},
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        """Take in what a source tells: the webhook of Alertmanager at `alertmanager`, JSON with
        `title`, `severity`, `status` and `labels` at `json`, and what people have set up.

        The same again changes nothing. When some alerts cannot be read, the others are kept and
        the answer is 400."""
        return self.reply({"alerts": sources.receive(key, request.data)})


class AlertsV2View(Endpoint):
    """Alerts, as Alertmanager's API v2 has them."""

    parameters = None
    required_scopes: ClassVar = {"GET": "read", "POST": _SCOPE}
    required_permissions: ClassVar = {
        "GET": "alerts.view_episode", "POST": "alerts.add_foreignalert",
    }  # fmt: skip

    @extend_schema(parameters=[_FILTER], responses={200: forms.GettableAlertSerializer(many=True)})
    def get(self, request: Request) -> HttpResponse:
        """Open alerts, ours and foreign, newest first; at most 2,000."""
        asked = request.query_params
        shown = {name: asked.get(name, "true").lower() != "false" for name in _SHOWN}
        return self.reply(alertmanager.alerts(asked.getlist("filter"), shown))

    @extend_schema(
        request={"application/json": _LIST}, responses={200: forms.TakenAlertsSerializer}
    )
    def post(self, request: Request) -> HttpResponse:
        """Take in what Prometheus tells: `labels`, `annotations`, `startsAt`, `endsAt`.

        One that is not told again ends with its `endsAt`, or after five minutes."""
        return self.reply({"alerts": sources.receive_prometheus(request.data)})


class SilencesView(Endpoint):
    """Silences, as Alertmanager's API v2 has them."""

    parameters = None
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_silence", "POST": "alerts.add_silence",
    }  # fmt: skip

    @extend_schema(
        parameters=[_FILTER], responses={200: forms.GettableSilenceSerializer(many=True)}
    )
    def get(self, request: Request) -> HttpResponse:
        """Those in force, to come, and over for five days at most."""
        return self.reply(alertmanager.listing(request.query_params.getlist("filter")))

    @extend_schema(
        request=forms.PostableSilenceSerializer,
        responses={
            200: forms.AlertmanagerSilenceIdSerializer,
            404: ErrorSerializer,
            409: ErrorSerializer,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Make one, or with an `id` change it; the id of the one in force comes back."""
        body = forms.PostableSilenceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        # A key's scope covers both; people may make silences without changing those of others.
        changes = bool(body.validated_data.get("id")) and request.auth is None
        if changes and not request.user.has_perm("alerts.change_silence"):
            raise PermissionDenied
        by = f"{body.validated_data['createdBy']} ({request.user.get_username()})"
        return self.reply({"silenceID": alertmanager.silence(body.validated_data, by)})


class SilenceView(Endpoint):
    """One silence, as Alertmanager's API v2 has it."""

    required_scopes: ClassVar = {"GET": "read", "DELETE": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_silence", "DELETE": "alerts.change_silence",
    }  # fmt: skip

    @extend_schema(responses={200: forms.GettableSilenceSerializer, 404: ErrorSerializer})
    def get(self, request: Request, key: UUID) -> HttpResponse:  # noqa: ARG002
        """It."""
        return self.reply(alertmanager.one_silence(key))

    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: ErrorSerializer})
    def delete(self, request: Request, key: UUID) -> HttpResponse:
        """End it."""
        alertmanager.expire(key, request.user.get_username())
        return self.reply({})


class StatusView(Endpoint):
    """What Alertmanager tells of itself."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_episode"}

    @extend_schema(responses={200: forms.AlertmanagerStatusSerializer})
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        """As far as it is true here."""
        return self.reply(
            alertmanager.status(_STARTED, str(settings.SPECTACULAR_SETTINGS["VERSION"]))
        )


@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """That this process answers, as Alertmanager says it."""
    return HttpResponse("OK", content_type="text/plain; charset=utf-8")
