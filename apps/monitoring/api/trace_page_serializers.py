"""The shapes of what several traces say together."""

from typing import Any

from rest_framework import serializers

from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.api.searches import TraceIdField
from apps.monitoring.queries import servicemap
from apps.monitoring.traces import sampling

_LONGEST_NAME = 1024


class SideSerializer(serializers.Serializer[Any]):
    """What one trace did at one place."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    total_us = serializers.IntegerField(help_text="Itself and all it called.")
    self_us = serializers.IntegerField()
    critical_us = serializers.IntegerField()


class PlaceSerializer(serializers.Serializer[Any]):
    """Calls of one name by one way of names."""

    service = serializers.CharField()
    name = serializers.CharField()
    depth = serializers.IntegerField()
    verdict = serializers.ChoiceField(["added", "removed", "slower", "faster", "same"])
    a = SideSerializer()
    b = SideSerializer()


class ComparisonSerializer(serializers.Serializer[Any]):
    """Two traces side by side."""

    a = serializers.CharField()
    b = serializers.CharField()
    change_us = serializers.IntegerField(help_text="How much longer `b` took.")
    truncated = serializers.BooleanField()
    places = PlaceSerializer(many=True, help_text="Depth first.")


class ComparisonParameters(serializers.Serializer[Any]):
    """Which two traces."""

    a = TraceIdField(help_text="32 hexadecimal digits.")
    b = TraceIdField(help_text="32 hexadecimal digits.")


class WaitedForSerializer(serializers.Serializer[Any]):
    """One operation on critical paths."""

    service = serializers.CharField()
    name = serializers.CharField()
    share = serializers.FloatField(help_text="Of the time all traces took, 0 to 1.")
    slow_share = serializers.FloatField(help_text="Of the time the slowest tenth took, 0 to 1.")
    mean_us = serializers.FloatField(help_text="A trace, those without it included.")
    traces = serializers.IntegerField(help_text="On whose path it is.")
    calls_per_trace = serializers.FloatField(help_text="Stretches on the path, a trace.")
    worst = serializers.CharField(help_text="The trace that waited longest for it.")
    worst_us = serializers.IntegerField()


class WaitingSerializer(serializers.Serializer[Any]):
    """What the requests of a route wait for."""

    traces = serializers.IntegerField(help_text="How many were looked into.")
    slow = serializers.IntegerField(help_text="How many of them are the slowest tenth.")
    mean_us = serializers.FloatField(allow_null=True)
    operations = WaitedForSerializer(many=True)


class WaitingParameters(RangeParameters):
    """Which traces."""

    service = serializers.CharField(default="", allow_blank=True, max_length=600)
    name = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST_NAME,
        help_text="The exact name of the span with which the service was asked.",
    )  # fmt: skip


class NodeSerializer(serializers.Serializer[Any]):
    """A service, or another end of calls."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(list(servicemap.KINDS))
    name = serializers.CharField()
    n = serializers.IntegerField(help_text="Calls it took.")
    err = serializers.IntegerField()
    p95_s = serializers.FloatField(allow_null=True)


class LinkSerializer(serializers.Serializer[Any]):
    """Calls between two nodes."""

    src = serializers.CharField()
    dst = serializers.CharField()
    n = serializers.IntegerField()
    err = serializers.IntegerField()
    p50_s = serializers.FloatField(allow_null=True)
    p95_s = serializers.FloatField(allow_null=True)
    fan_out = serializers.FloatField(help_text="Calls for each trace that has any.")
    critical_share = serializers.FloatField(
        allow_null=True,
        help_text="Of the sampled traces' time, spent waiting below such calls; null: not known.",
    )


class ServiceMapSerializer(serializers.Serializer[Any]):
    """Who asked whom."""

    start = serializers.DateTimeField(help_text="What was read: whole minutes or hours.")
    end = serializers.DateTimeField()
    sampled = serializers.IntegerField(help_text="Traces looked into for critical paths.")
    left_out = serializers.IntegerField(help_text="Edges beyond the most an answer holds.")
    nodes = NodeSerializer(many=True)
    edges = LinkSerializer(many=True)


class ServiceMapParameters(RangeParameters):
    """Which range, and how many traces to look into."""

    sample = serializers.IntegerField(
        default=50, min_value=0, max_value=sampling.MOST_TRACES,
        help_text="Traces to look into for critical paths.",
    )  # fmt: skip
