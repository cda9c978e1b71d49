"""The shapes the alert API takes and gives."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.alerts.machine import Severity, State
from apps.alerts.models import ChannelKind, Direction, Episode
from apps.alerts.models.rule import AGGREGATIONS
from apps.alerts.services.thresholds import ChannelWish, ThresholdWish
from apps.core.api.fields import Finite, Text

_OPEN = f"{State.FIRING},{State.RECOVERING}"


class ChannelSerializer(serializers.Serializer[ChannelWish]):
    """One receiver: `url` for a webhook, `to` for e-mail."""

    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    url = Text(required=False, max_length=2000)
    to = Text(required=False, max_length=254)
    secret = Text(
        required=False,
        min_length=16,
        max_length=200,
        help_text="Signs webhooks; a random one when left out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly the field that belongs to the kind."""
        wanted, other = ("url", "to") if attrs["kind"] == ChannelKind.WEBHOOK else ("to", "url")
        if wanted not in attrs or other in attrs:
            raise serializers.ValidationError(
                f"A channel of kind {attrs['kind']} needs `{wanted}` and no `{other}`."
            )
        return attrs


class ThresholdSerializer(serializers.Serializer[ThresholdWish]):
    """The body of a threshold request."""

    metric = Text(max_length=255)
    scope = serializers.DictField(
        child=Text(max_length=1024, allow_blank=True), required=False, default=dict
    )
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.ABOVE.value)
    warning = Finite(required=False, allow_null=True, default=None)
    critical = Finite(required=False, allow_null=True, default=None)
    for_s = serializers.IntegerField(min_value=0, max_value=86_400, default=60)
    aggregation = serializers.ChoiceField(
        choices=AGGREGATIONS,
        required=False,
        help_text="Default: p95 of a histogram, rate of a sum, avg of a gauge.",
    )
    channels = ChannelSerializer(
        many=True,
        required=False,
        max_length=20,  # type: ignore[call-arg]
        help_text="Left out: as they are.",
    )
    force = serializers.BooleanField(
        default=False, help_text="Accept a metric that has never been seen."
    )

    def validate_scope(self, value: dict[str, str]) -> dict[str, str]:
        """A few attribute names with their values."""
        texts = [*value, *value.values()]
        if len(value) > 10 or any("\0" in text or len(text) > 1024 for text in texts):
            raise serializers.ValidationError("A scope holds at most 10 attributes, as plain text.")
        if "" in value:
            raise serializers.ValidationError("An attribute of a scope needs a name.")
        return value

    def wish(self) -> ThresholdWish:
        """The validated request."""
        data = dict(self.validated_data)
        channels = data.pop("channels", None)
        if channels is not None:
            channels = [
                ChannelWish(c["kind"], c.get("url") or c.get("to", ""), c.get("secret", ""))
                for c in channels
            ]
        return ThresholdWish(**data, channels=channels)


class ThresholdSetSerializer(serializers.Serializer[Any]):
    """The rule in force after a threshold request."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    previous = serializers.DictField(allow_null=True, help_text="The former values.")


class AlertFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of the list."""

    state = serializers.CharField(
        default=_OPEN,
        max_length=200,
        help_text="One or more of pending, firing, recovering, resolved, inactive; or all.",
    )
    severity = serializers.CharField(
        default="", allow_blank=True, max_length=100, help_text="warning, critical, or both."
    )

    def validate_state(self, value: str) -> list[str]:
        """A list; empty means every state."""
        return [] if value == "all" else _words(value, [str(state) for state in State])

    def validate_severity(self, value: str) -> list[str]:
        """A list; empty means every severity."""
        return _words(value, [str(severity) for severity in Severity]) if value else []


class AlertSerializer(serializers.Serializer[Any]):
    """One alert."""

    id = serializers.UUIDField()
    type = serializers.CharField(source="rule_name")
    metric = serializers.CharField()
    scope = serializers.DictField(source="labels")
    direction = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    severity = serializers.CharField()
    state = serializers.CharField()
    since = serializers.SerializerMethodField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_since(self, row: Episode) -> datetime:
        """When it began to fire; while pending, when the breach began."""
        return row.fired_at or row.started_at


def _words(value: str, known: list[str]) -> list[str]:
    words = [word.strip() for word in value.split(",") if word.strip()]
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise serializers.ValidationError(
            f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}."
        )
    return words
