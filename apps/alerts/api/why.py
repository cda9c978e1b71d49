"""Why somebody was, or was not, told of an episode."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.alerts.models import Episode
from apps.alerts.routing.why import Why, why
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.errors import NotFoundError


class WhyStepSerializer(serializers.Serializer[Any]):
    """One thing that happened."""

    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="event, group, decision, message or attempt.")
    what = serializers.CharField(help_text="One word: fired, joined, first, silenced, ok, …")
    by = serializers.CharField(help_text="Who or what did it, or to whom it went.")
    detail = serializers.DictField()


class WhySerializer(serializers.Serializer[Any]):
    """The story of one episode, oldest first."""

    episode = serializers.UUIDField()
    rule = serializers.CharField()
    severity = serializers.CharField()
    state = serializers.CharField()
    answer = serializers.CharField(
        help_text="told, undelivered, held, waiting, nobody or not_told."
    )
    reason = serializers.CharField(help_text="One word, as in the steps.")
    by = serializers.CharField()
    routes = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="The names from the root, one list for each group it was in.",
    )
    ticks = serializers.IntegerField(help_text="Evaluations while it lasted, of the last hour.")
    cut = serializers.BooleanField(help_text="More happened than is listed.")
    steps = WhyStepSerializer(many=True)


class WhyView(Endpoint):
    """Why was I (not) told?"""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_episode"}

    @extend_schema(responses={200: WhySerializer, 404: ErrorSerializer})
    def get(self, request: Request, episode: UUID) -> HttpResponse:  # noqa: ARG002
        """Everything that was decided about one episode, and what was sent."""
        row = Episode.objects.select_related("rule").filter(pk=episode).first()
        if row is None:
            raise NotFoundError("There is no such episode.")
        return self.reply(_shape(why(row)))


def _shape(told: Why) -> dict[str, Any]:
    return {
        "episode": told.episode.pk,
        "rule": told.episode.rule_name,
        "severity": told.episode.severity,
        "state": told.episode.state,
        "answer": told.answer,
        "reason": told.reason,
        "by": told.by,
        "routes": told.routes,
        "ticks": told.ticks,
        "cut": told.cut,
        "steps": [vars(step) for step in told.steps],
    }
