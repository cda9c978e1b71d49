"""The shapes of a test-fire: how it is asked for, and what came of it."""

from typing import Any

from rest_framework import serializers

from apps.alerts.machine import Severity


class TestWishSerializer(serializers.Serializer[Any]):
    """How a rule is test-fired."""

    severity = serializers.ChoiceField(
        choices=[one.value for one in Severity], required=False,
        help_text="Left out: the worst the rule has a threshold for.",
    )  # fmt: skip
    escalate = serializers.BooleanField(
        default=False, help_text="Also page whom the first step of each policy reaches."
    )


class TestWaySerializer(serializers.Serializer[Any]):
    """One way an alert of the rule would take, and what keeps it from being told there."""

    via = serializers.CharField(help_text="A route, a policy, or `rule`: its own channels.")
    receiver = serializers.CharField()
    channels = serializers.ListField(child=serializers.CharField())
    why = serializers.CharField(
        help_text="Empty: told. Else silenced, muted, inhibited, dependency, no_receiver, "
        "no_channels, not_asked or capped."
    )
    text = serializers.CharField(help_text="The same for people.")


class TestFiredSerializer(serializers.Serializer[Any]):
    """What the rule sees, the test messages owed, and why somebody gets none."""

    notifications = serializers.ListField(child=serializers.IntegerField())
    receivers = serializers.ListField(child=serializers.CharField())
    severity = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    series = serializers.IntegerField()
    verdict = serializers.CharField(
        allow_null=True, help_text="What the worst series amounts to now; null: no breach."
    )
    ways = TestWaySerializer(many=True)
