"""The shapes of silences and acknowledgements."""

from typing import Any

from rest_framework import serializers

from apps.alerts.models import Silence, SilenceState
from apps.alerts.services.acknowledgements import LONGEST_S, SHORTEST_S
from apps.alerts.services.silences import Wish
from apps.core.api.fields import Text
from apps.core.errors import InvalidInputError

_STATES: dict[str, list[str]] = {
    "current": [SilenceState.PENDING, SilenceState.ACTIVE], "all": [],
}  # fmt: skip


class SilenceFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of the list."""

    state = serializers.ChoiceField(
        choices=[*SilenceState.values, "current", "all"],
        default="current",
        help_text="`current` is pending and active.",
    )

    def validate_state(self, value: str) -> list[str]:
        """The states; none: every one."""
        return _STATES.get(value, [value])


class MatchersSerializer(serializers.Serializer[Any]):
    """Which alerts."""

    matchers = serializers.ListField(
        child=Text(max_length=1300), min_length=1, max_length=20,
        help_text='`service.name="shop"`, or with `!=`, `=~`, `!~`; all must hold. A pattern '
        "matches the whole value, an absent label is empty. `alertname`, `severity`, `metric` and "
        "`source` are known beside an alert's own labels.",
    )  # fmt: skip


class NewSilenceSerializer(MatchersSerializer):
    """The body that makes one."""

    starts_at = serializers.DateTimeField(required=False, help_text="Left out: now.")
    ends_at = serializers.DateTimeField(required=False, help_text="Either this or `duration_s`.")
    duration_s = serializers.IntegerField(required=False, min_value=1, max_value=366 * 86_400)
    comment = Text(max_length=2000, help_text="Why; required.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one way to say when it ends."""
        if ("ends_at" in attrs) == ("duration_s" in attrs):
            raise serializers.ValidationError("Give `ends_at` or `duration_s`.")
        return attrs

    def wish(self) -> Wish:
        """The validated request."""
        data = self.validated_data
        return Wish(
            data["matchers"], data.get("ends_at"), data["comment"], data.get("starts_at"),
            data.get("duration_s"),
        )  # fmt: skip


class ChangedSilenceSerializer(serializers.Serializer[Any]):
    """The body that changes one; what is left out stays."""

    matchers = serializers.ListField(
        child=Text(max_length=1300), min_length=1, max_length=20, required=False
    )
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    comment = Text(max_length=2000, required=False)

    def wish(self, silence: Silence) -> Wish:
        """The silence as it would be."""
        data = self.validated_data
        try:
            before = [str(one) for one in silence.matchers]
        except InvalidInputError:
            before = []
        return Wish(
            data.get("matchers", before),
            data.get("ends_at", silence.ends_at),
            data.get("comment", silence.comment),
            data.get("starts_at"),
        )


class SilenceSerializer(serializers.Serializer[Any]):
    """One silence."""

    id = serializers.UUIDField()
    matchers = serializers.SerializerMethodField()
    state = serializers.CharField(help_text="pending, active or expired, by the clock alone.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="Half-open: no longer in force at this moment.")
    comment = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_by = serializers.CharField(help_text="Who ended it early; empty: nobody.")
    replaces = serializers.UUIDField(
        source="replaces_id", allow_null=True, help_text="The silence that was changed into this."
    )

    def get_matchers(self, row: Silence) -> list[str]:
        """As they are typed."""
        try:
            return [str(one) for one in row.matchers]
        except InvalidInputError:
            return []


class SilencedEpisodeSerializer(serializers.Serializer[Any]):
    """An alert a preview names."""

    id = serializers.UUIDField()
    type = serializers.CharField(source="rule_name")
    scope = serializers.DictField(source="labels")
    severity = serializers.CharField()
    since = serializers.DateTimeField(source="fired_at", allow_null=True)


class SilencedPreviewSerializer(serializers.Serializer[Any]):
    """What matchers would mute."""

    now = serializers.IntegerField(help_text="Alerts that fire now.")
    past = serializers.IntegerField(help_text="Alerts that fired within the last days.")
    days = serializers.IntegerField()
    whole = serializers.BooleanField(help_text="False: there were more than could be looked at.")
    shown = SilencedEpisodeSerializer(many=True)


class AcknowledgementSerializer(serializers.Serializer[Any]):
    """The body that takes episodes."""

    timeout_s = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=LONGEST_S,
        help_text=f"Page again after this; at least {SHORTEST_S}. 0: never. Left out: 4 hours.",
    )  # fmt: skip
    note = Text(required=False, allow_blank=True, default="", max_length=2000)


class AcknowledgedSerializer(serializers.Serializer[Any]):
    """How many changed; 0: it was so already, or the episode has ended."""

    changed = serializers.IntegerField()
