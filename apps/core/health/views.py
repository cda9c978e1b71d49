"""The health endpoints where the process runs without the ASGI shell, and for the API schema."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from apps.core.api.permissions import HasScope
from apps.core.api.views import Endpoint
from apps.core.health import registry, report


class DependencySerializer(serializers.Serializer[Any]):
    """One dependency; null where nothing is known yet."""

    name = serializers.CharField()
    critical = serializers.BooleanField()
    status = serializers.ChoiceField(["ok", "degraded", "down", "unknown"])
    error = serializers.CharField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    last_ok = serializers.DateTimeField(allow_null=True)
    age_ms = serializers.IntegerField(allow_null=True)


class DependenciesSerializer(serializers.Serializer[Any]):
    """The state of what this process depends on; without authority only the status."""

    status = serializers.ChoiceField(["ok", "degraded", "down", "unknown"])
    items = DependencySerializer(many=True, required=False)


class DetailedSerializer(DependenciesSerializer):
    """The same with versions, uptime and use of resources."""

    draining = serializers.BooleanField(required=False)
    versions = serializers.DictField(required=False)
    uptime_s = serializers.FloatField(required=False)
    process = serializers.DictField(required=False)


class _HealthView(Endpoint):
    # Probes send what they like, such as a number against caches.
    parameters = None
    # They carry no key; what the unknown may not see is left out of the answer.
    permission_classes = [AllowAny]
    required_scopes: ClassVar = {"GET": "read"}
    # Whoever watches the portal must not lose sight of it.
    rate_limited = False

    def _may_see(self, request: Request) -> bool:
        return HasScope().has_permission(request, self)


class DetailedView(_HealthView):
    """State of the components, versions, uptime, resources."""

    @extend_schema(responses={200: DetailedSerializer, 503: DetailedSerializer})
    def get(self, request: Request) -> HttpResponse:
        """503 when a critical part is down."""
        states = registry.read()
        body = report.detailed(states) if self._may_see(request) else report.summary(states)
        return self.reply(body, report.http_status(report.overall(states)))


class DependenciesView(_HealthView):
    """State of each dependency."""

    @extend_schema(responses={200: DependenciesSerializer, 503: DependenciesSerializer})
    def get(self, request: Request) -> HttpResponse:
        """503 when a critical part is down."""
        states = registry.read()
        body = report.dependencies(states) if self._may_see(request) else report.summary(states)
        return self.reply(body, report.http_status(report.overall(states)))
