"""The shapes of the on-call API."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rest_framework import serializers

from apps.core.api.fields import Text

LONGEST: Final = timedelta(days=400)
# Zones have no rules far outside of these, and a calendar no use.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Moment(serializers.DateTimeField):
    """A time within a century of use."""

    def to_internal_value(self, value: Any) -> datetime:
        """The instant. Raises ValidationError."""
        found = super().to_internal_value(value)
        if not _FIRST <= found < _LAST:
            raise serializers.ValidationError("A time between the years 2000 and 2100.")
        return found


class OnCallParameters(serializers.Serializer[Any]):
    """When."""

    at = Moment(required=False, help_text="Default: now.")


class ShiftParameters(serializers.Serializer[Any]):
    """Which stretch."""

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name in Python."""
        fields = super().get_fields()
        fields["from"] = Moment(required=False, help_text="Default: now.")
        fields["to"] = Moment(required=False, help_text="Exclusive. Default: 14 days later.")
        return fields


class DutySerializer(serializers.Serializer[Any]):
    """Who has a duty at an instant."""

    schedule = serializers.CharField()
    schedule_id = serializers.IntegerField()
    person = serializers.CharField(allow_null=True, help_text="null: nobody is on call.")
    since = serializers.DateTimeField(allow_null=True, help_text="Within the last week.")
    until = serializers.DateTimeField(allow_null=True, help_text="Within the next four weeks.")


class OnCallSerializer(serializers.Serializer[Any]):
    """Everybody on call."""

    at = serializers.DateTimeField()
    items = DutySerializer(many=True)


class ScheduleSerializer(serializers.Serializer[Any]):
    """One schedule."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    summary = serializers.CharField()
    zone = serializers.CharField()
    country = serializers.CharField()
    gaps_allowed = serializers.BooleanField()


class ShiftSerializer(serializers.Serializer[Any]):
    """[start, end) of one person. `source`: the layer's name, `override` or `swap`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    person = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]


class GapSerializer(serializers.Serializer[Any]):
    """[start, end) of nobody."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class ShiftsSerializer(serializers.Serializer[Any]):
    """The resolved line of a schedule."""

    schedule = serializers.CharField()
    zone = serializers.CharField()
    shifts = ShiftSerializer(many=True)
    gaps = GapSerializer(many=True)


class OverrideSerializer(serializers.Serializer[Any]):
    """One override."""

    id = serializers.IntegerField()
    person = serializers.CharField(source="person.username")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    note = serializers.CharField()
    made_by = serializers.CharField()


class NewOverrideSerializer(serializers.Serializer[Any]):
    """The body that makes one."""

    person = Text(max_length=150, help_text="A user name.")
    starts_at = Moment()
    ends_at = Moment()
    note = Text(max_length=500, required=False, default="", allow_blank=True)
