"""Incidents: the list, one of them, and how one is opened."""

import secrets
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from apps.alerts import incidents
from apps.alerts.api.incident_shapes import (
    IncidentChangeSerializer,
    IncidentFiguresSerializer,
    IncidentLinkSerializer,
    IncidentMeansSerializer,
    IncidentRoleSerializer,
    IncidentSerializer,
    IncidentTaskSerializer,
    MeansParameters,
    NewIncidentSerializer,
    OneIncidentSerializer,
)
from apps.alerts.filters import IncidentFilters
from apps.alerts.incident_machine import NEXT, Status
from apps.alerts.incidents import figures, work
from apps.alerts.models import Episode, Incident
from apps.alerts.models.incident import LONGEST_KEY
from apps.core.api import shapes
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import InvalidInputError, NotFoundError

_IDEMPOTENCY: Final = "Idempotency-Key"


def find(number: int) -> Incident:
    """An incident by its number. Raises NotFoundError."""
    found = Incident.objects.filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise NotFoundError("There is no such incident.")
    return found


class IncidentsView(ListEndpoint):
    """Incidents, newest first: the unresolved ones unless `status` says otherwise."""

    parameters = IncidentFilters
    item = IncidentSerializer
    order = ("-declared_at", "-pk")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_incident"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Incident]:  # noqa: ARG002
        """Those that pass every filter."""
        return Incident.objects.filter(IncidentFilters.condition(asked))


class CreateIncidentView(Endpoint):
    """Open an incident."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {"POST": "alerts.add_incident"}

    @extend_schema(
        request=NewIncidentSerializer,
        responses={200: IncidentSerializer, 201: IncidentSerializer, 409: ErrorSerializer},
        parameters=[
            OpenApiParameter(
                _IDEMPOTENCY, OpenApiTypes.STR, OpenApiParameter.HEADER,
                description="Up to 200 letters. The same key never opens a second incident.",
            )
        ],
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        """Open one. The same `Idempotency-Key`, or the `key` of one that is unresolved, gives back
        that one with 200."""
        body = NewIncidentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = body.validated_data
        once = request.headers.get(_IDEMPOTENCY)
        if once is not None and not 1 <= len(once) <= LONGEST_KEY - 10:
            raise InvalidInputError(f"`{_IDEMPOTENCY}` has 1 to {LONGEST_KEY - 10} letters.")
        key = f"once:{once}" if once is not None else told.get("key") or _own_key()
        before = Incident.objects.filter(key=key).order_by("-pk").first()
        incident = incidents.declare(
            key, told["title"], told["severity"],
            by=request.user.get_username(), episodes=_episodes(told["episodes"]), source="api",
            about=incidents.About(
                told["summary"], told["services"], told.get("started_at"), told["auto_resolve"]
            ),
            once=once is not None,
        )  # fmt: skip
        new = before is None or before.pk != incident.pk
        return self.reply(
            shapes.shape_of(IncidentSerializer, incident)(incident), 201 if new else 200
        )


class IncidentView(Endpoint):
    """One incident."""

    required_scopes: ClassVar = {"GET": "read", "PATCH": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_incident", "PATCH": "alerts.change_incident",
    }  # fmt: skip

    @extend_schema(responses={200: OneIncidentSerializer, 404: ErrorSerializer})
    def get(self, request: Request, number: int) -> HttpResponse:  # noqa: ARG002
        """It, with what belongs to it."""
        return self.reply(_whole(find(number)))

    @extend_schema(
        request=IncidentChangeSerializer,
        responses={200: OneIncidentSerializer, 404: ErrorSerializer},
    )
    def patch(self, request: Request, number: int) -> HttpResponse:
        """Change what is said of it."""
        body = IncidentChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        incident = find(number)
        work.describe(incident, request.user.get_username(), **body.validated_data)
        return self.reply(_whole(incident))


class MeansView(Endpoint):
    """How long it takes to notice, to acknowledge and to resolve."""

    parameters = MeansParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_incident"}

    @extend_schema(responses={200: IncidentMeansSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Means of the last days, for all and for each service."""
        until = timezone.now()
        since = until - timedelta(days=self.asked(request)["days"])
        rows = figures.by_service(since, until)
        return self.reply(IncidentMeansSerializer({"items": rows}).data)


def _own_key() -> str:
    return f"api:{secrets.token_hex(16)}"


def _episodes(ids: list[Any]) -> list[Episode]:
    found = list(Episode.objects.filter(pk__in=ids)) if ids else []
    if len(found) != len(set(ids)):
        raise InvalidInputError("There is no such alert.", {"fields": {"episodes": ["Unknown."]}})
    return found


def _whole(incident: Incident) -> dict[str, Any]:
    return {
        **shapes.shape_of(IncidentSerializer, incident)(incident),
        "summary": incident.summary,
        "auto_resolve": incident.auto_resolve,
        "next_statuses": [str(status) for status in NEXT[Status(incident.status)]]
        if incident.merged_into_id is None
        else [],
        "episodes": list(
            incident.linked.order_by("pk").values_list("episode_id", flat=True)[:1000]
        ),
        "roles": IncidentRoleSerializer(incident.roles.select_related("person"), many=True).data,
        "tasks": IncidentTaskSerializer(incident.tasks.select_related("person"), many=True).data,
        "links": IncidentLinkSerializer(incident.links.all(), many=True).data,
        "figures": IncidentFiguresSerializer(figures.of(incident)).data,
    }
