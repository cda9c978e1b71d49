"""Current alerts, and thresholds set at run time."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.alerts import listing
from apps.alerts.api.serializers import (
    AlertSerializer,
    ThresholdSerializer,
    ThresholdSetSerializer,
)
from apps.alerts.filters import AlertFilters
from apps.alerts.models import Episode
from apps.alerts.services.thresholds import set_threshold
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint


class AlertsView(ListEndpoint):
    """Alerts, newest first: those that fire now unless `state` says otherwise."""

    parameters = AlertFilters
    item = AlertSerializer
    order = ("-started_at", "-pk")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_episode"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Episode]:  # noqa: ARG002
        """Episodes as asked for."""
        return listing.found(asked)


class ThresholdView(Endpoint):
    """Set the thresholds of a metric; the same call changes them."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {
        "POST": ("alerts.add_rule", "alerts.change_rule", "alerts.add_channel")
    }

    @extend_schema(
        request=ThresholdSerializer,
        responses={200: ThresholdSetSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Create or change the rule of this metric, scope and direction."""
        body = ThresholdSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        done = set_threshold(body.wish(), request.user.get_username())
        return self.reply({"id": done.id, "version": done.version, "previous": done.previous})
