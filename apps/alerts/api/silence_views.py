"""Silences and acknowledgements."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Case, CharField, QuerySet, Value, When
from django.db.models.functions import Now
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.alerts.api.silence_shapes import (
    AcknowledgedSerializer,
    AcknowledgementSerializer,
    ChangedSilenceSerializer,
    MatchersSerializer,
    NewSilenceSerializer,
    SilencedPreviewSerializer,
    SilenceFilterSerializer,
    SilenceSerializer,
)
from apps.alerts.models import Episode, Silence, SilenceState
from apps.alerts.services import acknowledgements, silences
from apps.core import caller
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import NotFoundError

_STATE = Case(
    When(ends_at__lte=Now(), then=Value(SilenceState.EXPIRED.value)),
    When(starts_at__gt=Now(), then=Value(SilenceState.PENDING.value)),
    default=Value(SilenceState.ACTIVE.value),
    output_field=CharField(),
)


class SilencesView(ListEndpoint):
    """Silences, the newest beginning first: those not over yet unless `state` says otherwise."""

    parameters = SilenceFilterSerializer
    item = SilenceSerializer
    order = ("-starts_at", "-id")
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {"GET": "alerts.view_silence", "POST": "alerts.add_silence"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Silence]:  # noqa: ARG002
        """Those of the states asked for."""
        return silences.in_state(asked["state"]).annotate(state=_STATE)

    @extend_schema(request=NewSilenceSerializer, responses={201: SilenceSerializer})
    def post(self, request: Request) -> HttpResponse:
        """Silence alerts for a while."""
        body = NewSilenceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = silences.create(body.wish(), caller.actor())
        answer = self.reply(_shown(made.pk), status=201)
        answer["Location"] = reverse("silence", args=[made.pk])
        return answer


class SilencePreviewView(Endpoint):
    """What a silence would mute."""

    required_scopes: ClassVar = {"POST": "read"}
    required_permissions: ClassVar = {"POST": ("alerts.view_silence", "alerts.view_episode")}

    @extend_schema(request=MatchersSerializer, responses={200: SilencedPreviewSerializer})
    def post(self, request: Request) -> HttpResponse:
        """Alerts that fire now and that fired in the last seven days."""
        body = MatchersSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        seen = silences.preview(silences.checked(body.validated_data["matchers"]))
        return self.reply(SilencedPreviewSerializer(seen).data)


class SilenceView(Endpoint):
    """One silence."""

    required_scopes: ClassVar = {"GET": "read", "PATCH": "operate", "DELETE": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_silence",
        "PATCH": "alerts.change_silence",
        "DELETE": "alerts.change_silence",
    }

    @extend_schema(responses={200: SilenceSerializer, 404: ErrorSerializer})
    def get(self, request: Request, silence_id: UUID) -> HttpResponse:  # noqa: ARG002
        """As it is now."""
        return self.reply(_shown(silence_id))

    @extend_schema(
        request=ChangedSilenceSerializer,
        responses={200: SilenceSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def patch(self, request: Request, silence_id: UUID) -> HttpResponse:
        """Change it. One in force only moves its end; else it ends and another begins: see `id`."""
        body = ChangedSilenceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = _one(silence_id)
        return self.reply(_shown(silences.change(row, body.wish(row), caller.actor()).pk))

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, silence_id: UUID) -> HttpResponse:  # noqa: ARG002
        """End it now; it stays in history."""
        silences.expire(_one(silence_id), caller.actor())
        return HttpResponse(status=204)


class AcknowledgementView(Endpoint):
    """Whether somebody has an episode."""

    required_scopes: ClassVar = {"POST": "operate", "DELETE": "operate"}
    required_permissions: ClassVar = {
        "POST": "alerts.add_acknowledgement",
        "DELETE": "alerts.change_acknowledgement",
    }

    @extend_schema(
        request=AcknowledgementSerializer,
        responses={200: AcknowledgedSerializer, 404: ErrorSerializer},
    )
    def post(self, request: Request, episode_id: UUID) -> HttpResponse:
        """Take it: it stops paging, and nobody else is called."""
        body = AcknowledgementSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        _known(episode_id)
        changed = acknowledgements.acknowledge([episode_id], caller.actor(), **body.validated_data)
        return self.reply({"changed": changed})

    @extend_schema(responses={200: AcknowledgedSerializer, 404: ErrorSerializer})
    def delete(self, request: Request, episode_id: UUID) -> HttpResponse:  # noqa: ARG002
        """Let it go: it pages again, from the first step."""
        _known(episode_id)
        changed = acknowledgements.unacknowledge([episode_id], caller.actor())
        return self.reply({"changed": changed})


def _one(pk: UUID) -> Silence:
    row = Silence.objects.annotate(state=_STATE).filter(pk=pk).first()
    if row is None:
        raise NotFoundError("There is no such silence.")
    return row


def _shown(pk: UUID) -> Any:
    return SilenceSerializer(_one(pk)).data


def _known(pk: UUID) -> None:
    if not Episode.objects.filter(pk=pk).exists():
        raise NotFoundError("There is no such episode.")
