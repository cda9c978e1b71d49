"""The shapes traces have in the API."""

from typing import Any

from rest_framework import serializers


class RootSpanSerializer(serializers.Serializer[Any]):
    """One trace by its root span, or one span of it."""

    id = serializers.CharField(help_text="For `after`.")
    ts = serializers.DateTimeField()
    trace_id = serializers.CharField()
    span_id = serializers.CharField()
    service = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="server, client, …; empty where it was not said.")
    failed = serializers.BooleanField()
    duration_us = serializers.IntegerField()


class ServicePartSerializer(serializers.Serializer[Any]):
    """What one service did in a trace."""

    name = serializers.CharField()
    spans = serializers.IntegerField()
    failed = serializers.IntegerField()
    self_us = serializers.IntegerField()
    critical_us = serializers.IntegerField(help_text="On the critical path.")


class TraceSpanSerializer(serializers.Serializer[Any]):
    """One span in its place."""

    span_id = serializers.CharField()
    parent_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    service = serializers.CharField()
    kind = serializers.CharField()
    failed = serializers.BooleanField()
    orphan = serializers.BooleanField(help_text="Whether its parent was never received.")
    depth = serializers.IntegerField(help_text="0 for a root.")
    offset_us = serializers.IntegerField(help_text="After the start of the trace.")
    duration_us = serializers.IntegerField()
    self_us = serializers.IntegerField(help_text="In which none of its children ran.")
    critical_us = serializers.IntegerField(help_text="In which the whole trace waited for it.")
    skew_us = serializers.IntegerField(
        help_text="Added to its start, because the clock of its host is behind its caller's."
    )
    attrs = serializers.DictField()


class _TraceHead(serializers.Serializer[Any]):
    trace_id = serializers.CharField()
    start = serializers.DateTimeField()
    duration_us = serializers.IntegerField()
    truncated = serializers.BooleanField(help_text="Whether it has more spans than are here.")
    services = ServicePartSerializer(many=True)
    path = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="The critical path: [index of the span, from, to] in microseconds after `start`.",
    )


class TraceSerializer(_TraceHead):
    """A whole trace."""

    spans = TraceSpanSerializer(many=True, help_text="Depth first.")


class TraceShapeSerializer(_TraceHead):
    """A whole trace in columns; each list has one entry a span, depth first."""

    names = serializers.ListField(child=serializers.CharField(), help_text="For `name`.")
    name = serializers.ListField(child=serializers.IntegerField(), help_text="Index into `names`.")
    service = serializers.ListField(
        child=serializers.IntegerField(), help_text="Index into `services`."
    )
    kind = serializers.ListField(child=serializers.IntegerField(), help_text="OTLP's number.")
    failed = serializers.ListField(
        child=serializers.IntegerField(), help_text="The indexes of failed spans."
    )
    depth = serializers.ListField(child=serializers.IntegerField())
    offset_us = serializers.ListField(child=serializers.IntegerField())
    took_us = serializers.ListField(child=serializers.IntegerField())
    self_us = serializers.ListField(child=serializers.IntegerField())
    ids = serializers.CharField(help_text="Span ids, 16 letters each, without separators.")
    parents_lost = serializers.DictField(
        child=serializers.CharField(), help_text="Index → id of a parent that was not received."
    )
    skews_us = serializers.DictField(
        child=serializers.IntegerField(), help_text="Index → what was added to its start."
    )


class SpanDetailsSerializer(serializers.Serializer[Any]):
    """What one span says of itself."""

    attrs = serializers.DictField()
    events = serializers.ListField(child=serializers.DictField())
    links = serializers.ListField(child=serializers.DictField())
