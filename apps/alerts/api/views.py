"""Current alerts, and thresholds set at run time."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.alerts import queries
from apps.alerts.api.serializers import (
    AlertFilterSerializer,
    AlertPageSerializer,
    AlertSerializer,
    ThresholdSerializer,
    ThresholdSetSerializer,
)
from apps.alerts.services.thresholds import set_threshold


class AlertsView(APIView):
    """Alerts, newest first: those that fire now unless `state` says otherwise."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_episode"}

    @extend_schema(parameters=[AlertFilterSerializer], responses=AlertPageSerializer)
    def get(self, request: Request) -> Response:
        """One page."""
        wanted = AlertFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page, size = wanted.validated_data["page"], wanted.validated_data["page_size"]
        found = queries.episodes(wanted.validated_data["state"], wanted.validated_data["severity"])
        # One row more than asked for tells whether there is a next page, without counting them all.
        rows = list(found[(page - 1) * size : page * size + 1])
        return Response(
            {
                "items": AlertSerializer(rows[:size], many=True).data,
                "page": page,
                "page_size": size,
                "has_more": len(rows) > size,
            }
        )


class ThresholdView(APIView):
    """Set the thresholds of a metric; the same call changes them."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {
        "POST": ("alerts.add_rule", "alerts.change_rule", "alerts.add_channel")
    }

    @extend_schema(request=ThresholdSerializer, responses={200: ThresholdSetSerializer})
    def post(self, request: Request) -> Response:
        """Create or change the rule of this metric, scope and direction."""
        body = ThresholdSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        done = set_threshold(body.wish(), request.user.get_username())
        return Response({"id": done.id, "version": done.version, "previous": done.previous})
