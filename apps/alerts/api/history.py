"""What became of alerts: every episode with its messages, decisions and who took it."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.alerts import listing
from apps.alerts.api.serializers import AlertSerializer
from apps.alerts.filters import HistoryFilters
from apps.alerts.models import Acknowledgement, Decision, Episode, Notification
from apps.core.api.views import ListEndpoint


class DeliverySerializer(serializers.Serializer[Any]):
    """One message about it."""

    id = serializers.IntegerField()
    channel = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.CharField()
    outcome = serializers.CharField()
    attempts = serializers.IntegerField()
    owed_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class DecisionSerializer(serializers.Serializer[Any]):
    """Why somebody was told, or not."""

    at = serializers.DateTimeField()
    verdict = serializers.CharField()
    reason = serializers.CharField()
    by = serializers.CharField()


class TakenSerializer(serializers.Serializer[Any]):
    """One acknowledgement."""

    by = serializers.CharField()
    at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()


class EscalationSerializer(serializers.Serializer[Any]):
    """One escalation it was part of."""

    id = serializers.IntegerField()
    policy = serializers.CharField()
    state = serializers.CharField()
    step = serializers.IntegerField()
    repeats = serializers.IntegerField()


class AlertHistorySerializer(AlertSerializer):
    """One episode, and what became of it; the newest 20 of each kind."""

    peak = serializers.FloatField(allow_null=True, help_text="The worst value.")
    started_at = serializers.DateTimeField()
    fired_at = serializers.DateTimeField(allow_null=True)
    duration_s = serializers.SerializerMethodField()
    end_reason = serializers.CharField()
    incidents = serializers.SerializerMethodField()
    deliveries = serializers.SerializerMethodField()
    acknowledgements = serializers.SerializerMethodField()
    escalations = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()

    def get_duration_s(self, row: Episode) -> float | None:
        """From its beginning to its end; null while it lasts."""
        began: datetime = row.fired_at or row.started_at
        return (row.ended_at - began).total_seconds() if row.ended_at else None

    def get_incidents(self, row: Episode) -> list[int]:
        """The incidents it belongs to."""
        return [incident.pk for incident in row.incidents.all()]

    @extend_schema_field(DeliverySerializer(many=True))
    def get_deliveries(self, row: Episode) -> Any:
        """Messages."""
        told: list[Notification] = row.told  # type: ignore[attr-defined]
        return [
            {
                "id": one.pk, "channel": one.channel.name if one.channel else None,
                "kind": one.kind, "purpose": one.purpose, "state": one.state,
                "outcome": one.outcome, "attempts": one.attempt, "owed_at": one.created_at,
                "sent_at": one.sent_at,
            }
            for one in told
        ]  # fmt: skip

    @extend_schema_field(TakenSerializer(many=True))
    def get_acknowledgements(self, row: Episode) -> Any:
        """Who took it."""
        taken: list[Acknowledgement] = row.taken  # type: ignore[attr-defined]
        return [
            {"by": one.by, "at": one.at, "until": one.until, "ended_at": one.ended_at,
             "note": one.note}
            for one in taken
        ]  # fmt: skip

    @extend_schema_field(EscalationSerializer(many=True))
    def get_escalations(self, row: Episode) -> Any:
        """How far people were called."""
        return [
            {
                "id": one.escalation.pk, "policy": one.escalation.policy_name,
                "state": one.escalation.state, "step": one.escalation.step,
                "repeats": one.escalation.repeat_no,
            }
            for one in row.escalations.all()
        ]  # fmt: skip

    @extend_schema_field(DecisionSerializer(many=True))
    def get_decisions(self, row: Episode) -> Any:
        """Why somebody was told, or not."""
        decided: list[Decision] = row.decided  # type: ignore[attr-defined]
        return [
            {"at": one.at, "verdict": one.verdict, "reason": one.reason, "by": one.by}
            for one in decided
        ]


class HistoryView(ListEndpoint):
    """Episodes, newest first, with messages, acknowledgements, escalations and decisions."""

    parameters = HistoryFilters
    item = AlertHistorySerializer
    order = ("-started_at", "-pk")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {
        "GET": ("alerts.view_episode", "alerts.view_notification"),
    }

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Episode]:  # noqa: ARG002
        """Episodes as asked for."""
        return listing.with_history(listing.found(asked, HistoryFilters))
