"""What the bottleneck API takes and gives."""

from typing import Any
from urllib.parse import quote

from rest_framework import serializers

from apps.core.api.fields import Text
from apps.core.api.renderers import utc_text
from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.bottlenecks.kinds import BottleneckKind, Cause
from apps.monitoring.models import Bottleneck
from apps.monitoring.queries.bottlenecks import Cost, Wanted

_STATES = [*Bottleneck.State.values, "all"]


class BottleneckParameters(RangeParameters):
    """Filters of the list; they all have to hold."""

    service = serializers.CharField(default="", allow_blank=True, max_length=600)
    route = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="What its name holds, in any case."
    )
    kind = serializers.ChoiceField(BottleneckKind.values, default="", allow_blank=True)
    cause = serializers.ChoiceField(
        Cause.values, default="", allow_blank=True, help_text="Where the time goes."
    )
    state = serializers.ChoiceField(_STATES, default="open", allow_blank=True)


def wanted(asked: dict[str, Any]) -> Wanted:
    """The filters among validated parameters."""
    return Wanted(
        service=asked["service"].replace("\0", ""), kind=asked["kind"], cause=asked["cause"],
        route=asked["route"].replace("\0", ""), state=asked["state"] or "open",
    )  # fmt: skip


class BottleneckEvidenceSerializer(serializers.Serializer[Any]):
    """A trace that shows it."""

    trace_id = serializers.CharField()
    at = serializers.DateTimeField()
    lost_us = serializers.IntegerField()
    duration_us = serializers.IntegerField(help_text="Of the request.")
    span_ids = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField(help_text="The page of the trace.")


class BottleneckSerializer(serializers.Serializer[Any]):
    """One bottleneck, and what it cost within the range."""

    id = serializers.CharField(help_text="Its fingerprint: stable over time and versions.")
    kind = serializers.ChoiceField(BottleneckKind.values)
    cause = serializers.ChoiceField(Cause.values)
    service = serializers.CharField()
    route = serializers.CharField()
    subject = serializers.CharField(help_text="A statement, an address, a queue.")
    state = serializers.ChoiceField(Bottleneck.State.values)
    requests = serializers.IntegerField(help_text="Requests that showed it.")
    lost_us = serializers.IntegerField(help_text="What they waited for because of it.")
    gain_us = serializers.IntegerField(help_text="What one of them would gain without it.")
    worst_us = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of the route's requests, when it was last seen.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    why = serializers.CharField()
    steps = serializers.ListField(child=serializers.CharField(), help_text="What to do.")
    code = serializers.ListField(child=serializers.CharField(), help_text="How, where it is known.")
    facts = serializers.DictField(help_text="The figures behind `why`; times in microseconds.")
    evidence = BottleneckEvidenceSerializer(many=True)


class BottleneckMoveSerializer(serializers.Serializer[Any]):
    """A decision about one."""

    move = serializers.ChoiceField(["ignore", "open", "resolve"])
    reason = Text(max_length=500, default="", allow_blank=True)


def body(cost: Cost) -> dict[str, Any]:
    """JSON-ready."""
    row = cost.row
    return {
        "id": row.fingerprint,
        "kind": row.kind,
        "cause": row.cause.value,
        "service": row.service,
        "route": row.route,
        "subject": row.subject,
        "state": row.state,
        "requests": cost.requests,
        "lost_us": cost.lost_us,
        "gain_us": cost.mean_us,
        "worst_us": cost.worst_us,
        "share": round(row.share, 4),
        "first_seen": utc_text(row.first_seen),
        "last_seen": utc_text(row.last_seen),
        "why": cost.advice.why,
        "steps": cost.advice.steps,
        "code": cost.advice.code,
        "facts": row.facts,
        "evidence": [
            {**told, "url": f"/admin/traces/{quote(told['trace_id'])}/"} for told in row.evidence
        ],
    }
