"""The shapes the alert API takes and gives."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.alerts.models import Direction, Episode, channel_kinds
from apps.alerts.models.rule import AGGREGATIONS
from apps.alerts.services.channels import ChannelWish
from apps.alerts.services.thresholds import ThresholdWish
from apps.core.api.fields import Finite, Text

_TARGETS = ("target", "url", "to")


class ChannelSerializer(serializers.Serializer[ChannelWish]):
    """One receiver: where it is as `target` (or `url`, or `to`), and what its kind asks for."""

    kind = serializers.ChoiceField(choices=channel_kinds())
    target = Text(required=False, max_length=2000)
    url = Text(required=False, max_length=2000, help_text="The target of a webhook.")
    to = Text(required=False, max_length=254, help_text="The target of an e-mail.")
    secret = Text(
        required=False,
        min_length=16,
        max_length=200,
        help_text="Signs webhooks; a random one when left out.",
    )
    config = serializers.DictField(
        required=False, default=dict, help_text="Settings of the kind, by name."
    )
    secrets = serializers.DictField(
        child=Text(max_length=4000),
        required=False,
        default=dict,
        help_text="Secret settings of the kind, by name; kept encrypted and never shown.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one target, under a name that belongs to the kind."""
        fits = {"webhook": ("target", "url"), "email": ("target", "to")}.get(
            attrs["kind"], ("target",)
        )
        given = [name for name in _TARGETS if name in attrs]
        if len(given) != 1 or given[0] not in fits:
            raise serializers.ValidationError(
                f"A channel of kind {attrs['kind']} needs `{fits[-1]}` and no other target."
            )
        return attrs

    @staticmethod
    def wish(attrs: dict[str, Any]) -> ChannelWish:
        """The validated receiver."""
        target = next(attrs[name] for name in _TARGETS if name in attrs)
        return ChannelWish(
            attrs["kind"], target, attrs.get("secret", ""), attrs["config"], attrs["secrets"]
        )


class ThresholdSerializer(serializers.Serializer[ThresholdWish]):
    """The body of a threshold request."""

    metric = Text(max_length=255)
    scope = serializers.DictField(
        child=Text(max_length=1024, allow_blank=True), required=False, default=dict
    )
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.ABOVE.value)
    warning = Finite(required=False, allow_null=True, default=None)
    critical = Finite(required=False, allow_null=True, default=None)
    clear_warning = Finite(
        required=False, allow_null=True, default=None,
        help_text="A warning lasts until the value comes back to this. Left out: as it is.",
    )  # fmt: skip
    clear_critical = Finite(required=False, allow_null=True, default=None)
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
            channels = [ChannelSerializer.wish(one) for one in channels]
        return ThresholdWish(**data, channels=channels)


class ThresholdSetSerializer(serializers.Serializer[Any]):
    """The rule in force after a threshold request."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    previous = serializers.DictField(allow_null=True, help_text="The former values.")


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
    reason = serializers.CharField(help_text="breach, nodata, error or overflow.")
    source = serializers.CharField()  # type: ignore[assignment]
    since = serializers.SerializerMethodField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_since(self, row: Episode) -> datetime:
        """When it began to fire; while pending, when the breach began."""
        return row.fired_at or row.started_at
