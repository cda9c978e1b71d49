"""Deployments: the list, and the report of one."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.fields import Text
from apps.core.api.views import ListEndpoint
from apps.core.text import storable
from apps.monitoring.api import ranges
from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.models import Deployment
from apps.monitoring.models.deployment import LONGEST
from apps.monitoring.services import deployments


class DeploymentParameters(RangeParameters):
    """Which deployments."""

    service = serializers.CharField(default="", allow_blank=True, max_length=600)


class DeploymentSerializer(serializers.Serializer[Any]):
    """One deployment."""

    id = serializers.IntegerField()
    service = serializers.CharField()
    version = serializers.CharField()
    environment = serializers.CharField(help_text="Empty where none was said.")
    at = serializers.DateTimeField()
    source = serializers.CharField(  # type: ignore[assignment] # the metaclass takes it away
        help_text="`observed` in telemetry, or `reported`."
    )


class NewDeploymentSerializer(serializers.Serializer[Any]):
    """What to tell of a deployment."""

    service = Text(max_length=600)
    version = Text(max_length=LONGEST)
    environment = Text(max_length=LONGEST, default="", allow_blank=True)
    at = serializers.DateTimeField(required=False, help_text="When it went live; now by default.")


class DeploymentsView(ListEndpoint):
    """Deployments, newest first."""

    parameters = DeploymentParameters
    item = DeploymentSerializer
    order = ("-at", "-pk")
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {
        "GET": "monitoring.view_deployment", "POST": "monitoring.add_deployment",
    }  # fmt: skip

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Deployment]:  # noqa: ARG002
        """Those of one service, or all."""
        time_range = ranges.time_range(asked)
        found = Deployment.objects.filter(at__gte=time_range.start, at__lt=time_range.end)
        service = storable(asked["service"])
        return found.filter(service=service) if service else found

    @extend_schema(
        request=NewDeploymentSerializer,
        responses={200: DeploymentSerializer, 201: DeploymentSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Tell of one. The same report again changes nothing and is answered with 200."""
        body = NewDeploymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = body.validated_data
        made, is_new = deployments.report(
            told["service"], told["version"], told["environment"], told.get("at") or timezone.now()
        )
        return self.reply(self.show(made), status=201 if is_new else 200)
