"""The shapes the alert API takes and gives."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.alerts.machine import Severity, State
from apps.alerts.models import Direction, Episode, channel_kinds
from apps.alerts.models.rule import AGGREGATIONS
from apps.alerts.services.channels import ChannelWish
from apps.alerts.services.thresholds import ThresholdWish
from apps.core.api.fields import Finite, Text
from apps.core.timerange import TimeRange

_OPEN = f"{State.FIRING},{State.RECOVERING}"


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

    service = serializers.CharField(default="", allow_blank=True, max_length=200)
    rule = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="A rule's id, or part of its name."
    )
    source = serializers.CharField(  # type: ignore[assignment]
        default="",
        allow_blank=True,
        max_length=64,
        help_text="Who told it, where it was none of our rules: alertmanager, rule-health, …",
    )
    label = serializers.CharField(  # type: ignore[assignment]
        default="",
        allow_blank=True,
        max_length=1000,
        help_text="One or more of name=value, separated by commas; all must match.",
    )
    since = serializers.CharField(
        default="", allow_blank=True, max_length=64,
        help_text="Begun at this time or later: now-6h, an ISO 8601 time or milliseconds.",
    )  # fmt: skip

    def validate_label(self, value: str) -> dict[str, str]:
        """Names and values."""
        return labels_of(value)

    def validate_since(self, value: str) -> datetime | None:
        """A moment."""
        return TimeRange.parse(value, "now").start if value else None

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
    reason = serializers.CharField(help_text="breach, nodata, error or overflow.")
    source = serializers.CharField()  # type: ignore[assignment]
    since = serializers.SerializerMethodField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_since(self, row: Episode) -> datetime:
        """When it began to fire; while pending, when the breach began."""
        return row.fired_at or row.started_at


def labels_of(text: str) -> dict[str, str]:
    """`name=value,name=value` as a mapping. Raises ValidationError."""
    labels: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name or "\0" in part:
            raise serializers.ValidationError(f"{part!r} is not written as name=value.")
        labels[name.strip()] = value.strip()
    return labels


def _words(value: str, known: list[str]) -> list[str]:
    words = [word.strip() for word in value.split(",") if word.strip()]
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise serializers.ValidationError(
            f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}."
        )
    return words
