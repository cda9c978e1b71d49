"""Rules: made, changed, tried on the past, test-fired, restored."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.alerts.api.rules import (
    ChangedRuleSerializer,
    NewRuleSerializer,
    PreviewedRuleSerializer,
    PreviewSerializer,
    RestoreSerializer,
    RuleFilterSerializer,
    RuleSerializer,
    RuleSetSerializer,
    VersionSerializer,
)
from apps.alerts.api.testshapes import TestFiredSerializer, TestWishSerializer
from apps.alerts.models import Rule, RuleVersion
from apps.alerts.services import ownsteps, previews, rulebook, testfire
from apps.alerts.services.rulebook import RuleSet
from apps.core.api import shapes
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import NotFoundError
from apps.core.timerange import TimeRange

_WRITE: Final = ("alerts.add_rule", "alerts.change_rule", "alerts.add_channel")


class RulesView(ListEndpoint):
    """Rules by name."""

    parameters = RuleFilterSerializer
    item = RuleSerializer
    order = ("name", "pk")
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {"GET": "alerts.view_rule", "POST": _WRITE}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Rule]:  # noqa: ARG002
        """Those of a metric, of a kind, or whose name holds a text."""
        found = Rule.objects.select_related("policy").prefetch_related(*ownsteps.PREFETCHED)
        for name in ("metric", "condition"):
            if asked[name]:
                found = found.filter(**{name: asked[name]})
        return found.filter(name__icontains=asked["search"]) if asked["search"] else found

    @extend_schema(
        request=NewRuleSerializer,
        responses={200: RuleSetSerializer, 201: RuleSetSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Create the rule of this name, or bring it to what is asked: the same call twice is one
        rule and one version."""
        body = NewRuleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        done = rulebook.set_by_name(body.wish(), request.user.get_username())
        return self.reply(_told(done), status=201 if done.previous is None else 200)


class RuleView(Endpoint):
    """One rule."""

    required_scopes: ClassVar = {"GET": "read", "PATCH": "operate", "DELETE": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_rule",
        "PATCH": ("alerts.change_rule", "alerts.add_channel"),
        "DELETE": "alerts.delete_rule",
    }

    @extend_schema(responses=RuleSerializer)
    def get(self, request: Request, pk: int) -> HttpResponse:  # noqa: ARG002
        """All of it."""
        return self.reply(_shown(_rule(pk)))

    @extend_schema(request=ChangedRuleSerializer, responses=RuleSetSerializer)
    def patch(self, request: Request, pk: int) -> HttpResponse:
        """Change what is named."""
        body = ChangedRuleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.reply(_told(rulebook.change(pk, body.wish(), request.user.get_username())))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> HttpResponse:
        """End what is open under it, and delete it; its history stays."""
        rulebook.remove(pk, request.user.get_username())
        return HttpResponse(status=204)


class RuleVersionsView(ListEndpoint):
    """The changes of one rule, newest first."""

    item = VersionSerializer
    order = ("-pk",)
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_rule"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[RuleVersion]:  # noqa: ARG002
        """Each with what was and what is."""
        return RuleVersion.objects.filter(rule=_rule(self.kwargs["pk"]))


class RuleRestoreView(Endpoint):
    """Bring a rule back to a former version."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {"POST": "alerts.change_rule"}

    @extend_schema(request=RestoreSerializer, responses=RuleSetSerializer)
    def post(self, request: Request, pk: int) -> HttpResponse:
        """As a new version; the channels stay as they are."""
        body = RestoreSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        version = body.validated_data["version"]
        return self.reply(_told(rulebook.restore(pk, version, request.user.get_username())))


class RulePreviewView(Endpoint):
    """What a rule would have done, without storing it."""

    required_scopes: ClassVar = {"POST": "read"}
    required_permissions: ClassVar = {"POST": "alerts.view_rule"}

    @extend_schema(
        request=PreviewedRuleSerializer, responses={200: PreviewSerializer, 404: ErrorSerializer}
    )
    def post(self, request: Request) -> HttpResponse:
        """Run it over the last days: the same condition, the same state machine."""
        body = PreviewedRuleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        rule = rulebook.draft(body.wish(), body.validated_data.get("id"))
        end = datetime.now(UTC)
        start = end - timedelta(days=body.validated_data["days"])
        return self.reply(previews.as_json(previews.preview(rule, TimeRange(start, end)), rule))


class RuleTestView(Endpoint):
    """Test-fire one rule."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {"POST": "alerts.change_rule"}

    @extend_schema(
        request=TestWishSerializer, responses={202: TestFiredSerializer, 409: ErrorSerializer}
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        """Send everybody an alert of this rule would reach now a message marked as a test; no
        alert is left open, and no channel gets more than ten of these in an hour."""
        body = TestWishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = testfire.fire(_rule(pk), request.user.get_username(), **body.validated_data)
        return self.reply(_fired(told), status=202)


def _rule(pk: int) -> Rule:
    rule = Rule.objects.filter(pk=pk).first()
    if rule is None:
        raise NotFoundError("There is no such rule.", {"rule": pk})
    return rule


def _fired(told: testfire.Fired) -> dict[str, Any]:
    return {
        "notifications": [row.pk for row in told.owed],
        "receivers": [row.channel.name for row in told.owed if row.channel],
        "severity": told.episode.severity,
        "value": told.episode.value,
        "series": told.series,
        "verdict": told.verdict,
        "ways": [
            {
                "via": leg.via, "receiver": leg.receiver, "why": leg.why, "text": leg.text,
                "channels": [channel.name for channel, _person in leg.channels],
            }
            for leg in told.legs
        ],
    }  # fmt: skip


def _shown(rule: Rule) -> dict[str, Any]:
    return shapes.shape_of(RuleSerializer, rule)(rule)


def _told(done: RuleSet) -> dict[str, Any]:
    rule = done.rule
    rule.refresh_from_db()
    return {
        "id": rule.pk, "version": rule.version, "rule": _shown(rule),
        "series": len(done.found), "previous": done.previous,
    }  # fmt: skip
