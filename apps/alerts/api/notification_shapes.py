"""The shapes of the notification log."""

from typing import Any

from rest_framework import serializers

from apps.alerts.links import without_right
from apps.alerts.models import Notification, OutboxState, Purpose, channel_kinds


class NotificationFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of the list."""

    state = serializers.ChoiceField(choices=[*OutboxState.values, ""], default="")
    kind = serializers.ChoiceField(choices=channel_kinds(), default="", allow_blank=True)
    purpose = serializers.ChoiceField(choices=[*Purpose.values, ""], default="")
    severity = serializers.ChoiceField(choices=["warning", "critical", ""], default="")
    channel = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=1, max_value=2**62,
        help_text="Number of a channel.",
    )  # fmt: skip
    episode = serializers.UUIDField(required=False, default=None, allow_null=True)
    since = serializers.DateTimeField(required=False, default=None, allow_null=True)
    until = serializers.DateTimeField(
        required=False, default=None, allow_null=True, help_text="Not included."
    )


class NotificationSerializer(serializers.Serializer[Any]):
    """One message to one channel."""

    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    rule = serializers.CharField(source="rule_shown")
    episode = serializers.UUIDField(source="episode_id", allow_null=True)
    incident = serializers.IntegerField(source="incident_id", allow_null=True)
    channel = serializers.CharField(
        source="channel_shown", allow_null=True, help_text="Null once it is deleted."
    )
    kind = serializers.CharField()
    purpose = serializers.CharField()
    severity = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was sent: first, new, raised, repeat, …")
    state = serializers.CharField(help_text="pending, sending, sent or dead (given up).")
    outcome = serializers.CharField(help_text="Of the last attempt.")
    error = serializers.CharField()
    attempts = serializers.IntegerField(source="attempt")
    may_repeat = serializers.BooleanField()
    sent_at = serializers.DateTimeField(allow_null=True)
    receipt = serializers.CharField(
        source="last_receipt", allow_null=True, help_text="The provider's last word on it."
    )
    instead_of = serializers.IntegerField(
        source="fallback_of_id", allow_null=True, help_text="The message it is a fall-back of."
    )
    failed_over = serializers.BooleanField(help_text="Another channel was told instead.")


class AttemptSerializer(serializers.Serializer[Any]):
    """One try to hand a message over."""

    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField(help_text="Empty: its worker died.")
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    may_repeat = serializers.BooleanField()
    worker = serializers.CharField()


class ReceiptSerializer(serializers.Serializer[Any]):
    """What a provider said became of a message."""

    at = serializers.DateTimeField()
    state = serializers.CharField()
    detail = serializers.CharField()


class OneNotificationSerializer(NotificationSerializer):
    """One message with every attempt and receipt."""

    payload = serializers.DictField()
    every_attempt = AttemptSerializer(many=True)
    receipts = ReceiptSerializer(many=True)
    fallbacks = serializers.ListField(child=serializers.IntegerField())

    def to_representation(self, instance: Notification) -> dict[str, Any]:
        """Lists of related rows beside the columns."""
        shown: dict[str, Any] = NotificationSerializer(instance).data
        attempts = instance.attempts.order_by("pk")[:200]
        return {
            **shown,
            "payload": without_right(instance.payload),
            "every_attempt": AttemptSerializer(attempts, many=True).data,
            "receipts": ReceiptSerializer(instance.receipts.order_by("pk")[:50], many=True).data,
            "fallbacks": list(instance.fallbacks.order_by("pk").values_list("pk", flat=True)[:20]),
        }
