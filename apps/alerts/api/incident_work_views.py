"""What is done about an incident: status, comments, tasks, roles, evidence, post-mortem."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.alerts import incidents
from apps.alerts.api import incident_shapes as forms
from apps.alerts.api.incident_views import find
from apps.alerts.incidents import log, postmortem, timeline, work
from apps.core.api import shapes
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint

_REFUSED = {404: ErrorSerializer, 409: ErrorSerializer}


class _Work(Endpoint):
    """A change of one incident."""

    required_scopes: ClassVar[dict[str, str]] = {"POST": "operate"}
    required_permissions: ClassVar[dict[str, Any]] = {"POST": "alerts.change_incident"}

    def body(self, request: Request, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated body. Raises ValidationError."""
        read = form(data=request.data)
        read.is_valid(raise_exception=True)
        told: dict[str, Any] = read.validated_data
        return told

    def incident(self, number: int, status: int = 200) -> HttpResponse:
        """The incident as it is now."""
        row = find(number)
        return self.reply(shapes.shape_of(forms.IncidentSerializer, row)(row), status)


class StatusView(_Work):
    """The status of an incident."""

    @extend_schema(
        request=forms.IncidentMoveSerializer, responses={200: forms.IncidentSerializer, **_REFUSED}
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Bring it to another status."""
        told = self.body(request, forms.IncidentMoveSerializer)
        incidents.move(
            find(number), told["status"], request.user.get_username(), told["text"],
            version=told.get("version"),
        )  # fmt: skip
        return self.incident(number)


class CommentsView(_Work):
    """Comments."""

    @extend_schema(
        request=forms.IncidentCommentSerializer,
        responses={201: forms.IncidentSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Say something; it stays."""
        told = self.body(request, forms.IncidentCommentSerializer)
        log.comment(find(number), told["text"], request.user.get_username())
        return self.incident(number, 201)


class StrikeView(_Work):
    """Striking a comment out."""

    @extend_schema(request=None, responses={200: forms.IncidentSerializer, **_REFUSED})
    def post(self, request: Request, number: int, event: int) -> HttpResponse:
        """Strike it out; it stays readable."""
        log.strike(find(number), event, request.user.get_username())
        return self.incident(number)


class TasksView(_Work):
    """Tasks."""

    @extend_schema(
        request=forms.IncidentNewTaskSerializer,
        responses={201: forms.IncidentTaskSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Write down something to do."""
        told = self.body(request, forms.IncidentNewTaskSerializer)
        task = work.add_task(
            find(number), told["text"], request.user.get_username(),
            person=forms.person_named(told.get("person")), afterwards=told["afterwards"],
        )  # fmt: skip
        task.refresh_from_db()
        return self.reply(forms.IncidentTaskSerializer(task).data, status=201)


class TaskView(_Work):
    """One task."""

    @extend_schema(
        request=forms.IncidentSettleSerializer,
        responses={200: forms.IncidentSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int, task: int) -> HttpResponse:
        """Say what became of it."""
        told = self.body(request, forms.IncidentSettleSerializer)
        work.settle_task(find(number), task, told["state"], request.user.get_username())
        return self.incident(number)


class LinksView(_Work):
    """Evidence."""

    @extend_schema(
        request=forms.IncidentNewLinkSerializer,
        responses={201: forms.IncidentLinkSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Add a trace, log lines, a proposal, a chart or a page."""
        told = self.body(request, forms.IncidentNewLinkSerializer)
        row = work.link(
            find(number), told["kind"], told["ref"], request.user.get_username(), told["title"]
        )
        row.refresh_from_db()
        return self.reply(forms.IncidentLinkSerializer(row).data, status=201)


class LinkedEpisodesView(_Work):
    """Alerts that belong to it."""

    @extend_schema(
        request=forms.IncidentEpisodesSerializer,
        responses={200: forms.IncidentSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Make alerts part of it."""
        told = self.body(request, forms.IncidentEpisodesSerializer)
        work.link_episodes(find(number), told["episodes"], request.user.get_username())
        return self.incident(number)


class RolesView(_Work):
    """Roles."""

    @extend_schema(
        request=forms.IncidentNewRoleSerializer,
        responses={200: forms.IncidentSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Give a role to someone."""
        told = self.body(request, forms.IncidentNewRoleSerializer)
        person = forms.person_named(told["person"])
        work.give_role(find(number), told["role"], person, request.user.get_username())
        return self.incident(number)


class MergeView(_Work):
    """Duplicates."""

    @extend_schema(
        request=forms.IncidentMergeSerializer, responses={200: forms.IncidentSerializer, **_REFUSED}
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Close it as a duplicate of another; the other is given back."""
        told = self.body(request, forms.IncidentMergeSerializer)
        work.merge(find(number), find(told["into"]), request.user.get_username())
        return self.incident(told["into"])


class TimelineView(Endpoint):
    """What happened."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_incident"}

    @extend_schema(responses={200: forms.IncidentTimelineSerializer, 404: ErrorSerializer})
    def get(self, request: Request, number: int) -> HttpResponse:  # noqa: ARG002
        """Everything known, oldest first."""
        moments = timeline.timeline(find(number))
        show = [shapes.shape_of(forms.IncidentMomentSerializer, one)(one) for one in moments]
        return self.reply({"items": show})


class PostMortemView(_Work):
    """What was learned."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar[dict[str, Any]] = {
        "GET": ("alerts.view_incident", "alerts.view_postmortem"),
        "POST": ("alerts.view_incident", "alerts.change_postmortem"),
    }

    @extend_schema(responses={200: forms.PostMortemSerializer, 404: ErrorSerializer})
    def get(self, request: Request, number: int) -> HttpResponse:  # noqa: ARG002
        """The newest version; a fresh draft while there is none."""
        incident = find(number)
        row = postmortem.latest(incident)
        if row is not None:
            return self.reply(forms.PostMortemSerializer(row).data)
        told = {"version": 0, "text": postmortem.draft(incident), "by": "", "at": None}
        return self.reply({**told, "generated": True})

    @extend_schema(
        request=forms.NewPostMortemSerializer,
        responses={201: forms.PostMortemSerializer, **_REFUSED},
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """Keep a version: the text sent, or else a fresh draft."""
        told = self.body(request, forms.NewPostMortemSerializer)
        incident = find(number)
        text = told.get("text") or postmortem.draft(incident)
        row = postmortem.save(
            incident, text, request.user.get_username(),
            generated="text" not in told, seen=told.get("version"),
        )  # fmt: skip
        row.refresh_from_db()
        return self.reply(forms.PostMortemSerializer(row).data, status=201)
