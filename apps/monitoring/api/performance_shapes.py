"""The shapes of the performance API: figures of operations, in milliseconds and shares."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.queries.ranking import KINDS, ORDERS
from apps.monitoring.queries.red import Figures
from apps.monitoring.queries.trends import Against, Trend

_LONGEST = 600


class _Which(RangeParameters):
    service = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST, help_text="Its exact name."
    )
    kind = serializers.ChoiceField(
        [kind for kind in KINDS if kind], required=False, allow_blank=True,
        help_text="By default all but client and producer.",
    )  # fmt: skip


class RankingParameters(_Which):
    """Which operations, and in which order."""

    text = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="What the name holds."
    )
    order = serializers.ChoiceField(
        list(ORDERS), default="total", help_text="The largest first; `total` is time in all."
    )
    details = serializers.BooleanField(
        default=False, help_text="With `spark` and how each compares with earlier."
    )


class OperationParameters(_Which):
    """Which operation."""

    name = serializers.CharField(max_length=_LONGEST, help_text="Its exact name.")


class StepParameters(_Which):
    """Which operation, in which steps."""

    name = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST, help_text="Empty: all as one."
    )
    step = serializers.IntegerField(
        required=False, min_value=60, max_value=31 * 86_400, help_text="Seconds of one point."
    )


class RankedSerializer(serializers.Serializer[Any]):
    """One operation over the range."""

    service = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="server, consumer, …; empty where it was not said.")
    n = serializers.IntegerField()
    per_s = serializers.FloatField()
    errors = serializers.IntegerField()  # type: ignore[assignment] # the metaclass takes it away
    error_share = serializers.FloatField(allow_null=True, help_text="0 to 1.")
    total_ms = serializers.FloatField(help_text="The time all of them took together.")
    share = serializers.FloatField(
        allow_null=True, help_text="Of the time of all operations listed, 0 to 1."
    )
    mean_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    p999_ms = serializers.FloatField(allow_null=True)
    max_ms = serializers.FloatField()
    slow = serializers.BooleanField(help_text="p95 over 500 ms or p99 over 1000 ms.")
    classes = serializers.DictField(
        child=serializers.IntegerField(), help_text="Answers by HTTP class: 2xx, 4xx, …"
    )
    spark = serializers.ListField(
        child=serializers.FloatField(allow_null=True), allow_null=True,
        help_text="p95 in milliseconds over time; null without `details`.",
    )  # fmt: skip
    verdict = serializers.CharField(
        help_text="Against the range before: slower, faster, same, too few or new; with `details`."
    )
    change = serializers.FloatField(
        allow_null=True, help_text="Of the p95: 0.5 is half as much more."
    )
    regressed = serializers.BooleanField(
        help_text="Slower or failing more than every earlier stretch that can be compared."
    )


class RankingRangeSerializer(serializers.Serializer[Any]):
    """The range of the figures."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class AgainstSerializer(serializers.Serializer[Any]):
    """One operation against one earlier stretch."""

    what = serializers.CharField(help_text="before, day or week.")
    n = serializers.IntegerField(help_text="How many there were.")
    verdict = serializers.CharField(help_text="slower, faster, same, or too few to say.")
    p95_ms = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(
        allow_null=True, help_text="Of the p95: 0.5 is half as much more."
    )
    likelihood = serializers.FloatField(
        allow_null=True, help_text="That a request of now is slower than one of then."
    )
    errors_verdict = serializers.CharField(help_text="more, fewer, same, or too few to say.")
    rate_verdict = serializers.CharField(help_text="more, fewer, same, or too few to say.")
    rate_change = serializers.FloatField(allow_null=True)


class TrendSerializer(serializers.Serializer[Any]):
    """How an operation fares against earlier."""

    regressed = serializers.BooleanField(
        help_text="Slower than every stretch that can be compared."
    )
    fails_more = serializers.BooleanField()
    against = AgainstSerializer(many=True)


class OperationItemSerializer(RankedSerializer):
    """One operation with its trend."""

    trend = TrendSerializer()


class OperationSerializer(RankingRangeSerializer):
    """Every operation of this name: one for each service and kind."""

    operations = OperationItemSerializer(many=True)


class PointSerializer(serializers.Serializer[Any]):
    """One step."""

    at = serializers.DateTimeField()
    n = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment] # the metaclass takes it away
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    p999_ms = serializers.FloatField(allow_null=True)


class OverTimeSerializer(serializers.Serializer[Any]):
    """Points in order."""

    step_s = serializers.IntegerField()
    points = PointSerializer(many=True)


def point(at: datetime, figures: Figures | None) -> dict[str, Any]:
    """One step, JSON-ready."""
    known = figures or Figures()
    told = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
    durations = {name: known.quantile(q) for name, q in told.items()}
    return {
        "at": at,
        "n": known.n,
        "errors": known.err,
        **{name: None if s is None else s * 1000 for name, s in durations.items()},
    }


def trend_row(trend: Trend) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "regressed": trend.regressed,
        "fails_more": trend.fails_more,
        "against": [_against(one) for one in trend.against],
    }


def _against(one: Against) -> dict[str, Any]:
    told = one.durations
    return {
        "what": one.what,
        "n": one.n,
        "verdict": told.verdict,
        "p95_ms": None if told.before_s is None else told.before_s * 1000,
        "change": told.change,
        "likelihood": told.likelihood,
        "errors_verdict": one.errors,
        "rate_verdict": one.rate,
        "rate_change": one.rate_change,
    }
