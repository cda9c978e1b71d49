"""The shapes the monitoring API takes and gives."""

import re
from typing import Any, Final

from rest_framework import serializers

from apps.monitoring.api.conditions import parsed, where_field
from apps.monitoring.queries.filters import Filter
from apps.monitoring.queries.plan import MOST_POINTS
from apps.monitoring.queries.ranked import MOST_LINES
from apps.monitoring.queries.series import AGGREGATIONS

MOST_NAMES: Final = 10
_MOST_LABELS: Final = 10
_STEP: Final = re.compile(r"([0-9]{1,7})(s|m|h|d)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_STEP_S: Final = 31 * 86_400


class _Words(serializers.CharField):
    """Words with commas between them; given several times, they add up."""

    def get_value(self, dictionary: Any) -> Any:
        if self.field_name in dictionary and hasattr(dictionary, "getlist"):
            return ",".join(dictionary.getlist(self.field_name))
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        text = super().to_internal_value(data)
        # The validators see the words; the length that is documented is the text's, as it came.
        if self.max_length is not None and len(str(data)) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


class MetricsFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of metric series."""

    names = _Words(
        default="", max_length=2000, allow_blank=True,
        help_text=f"One to {MOST_NAMES} metric names with commas between them. "
        "Without names only the summary is given.",
    )  # fmt: skip
    labels = serializers.ListField(
        child=serializers.CharField(max_length=1200), default=list, max_length=_MOST_LABELS,
        help_text="`name:value` of a label or resource attribute; may be given several times. "
        "A value ending in * is a prefix.",
    )  # fmt: skip
    where = where_field()
    to = serializers.CharField(default="now", max_length=64, help_text="As `from`.")
    points = serializers.IntegerField(
        min_value=2, max_value=MOST_POINTS, required=False,
        help_text="At most about so many points a series: the step grows to fit.",
    )  # fmt: skip
    top = serializers.IntegerField(
        min_value=1, max_value=MOST_LINES, required=False,
        help_text="The series with the largest figures over the range, and one of all others.",
    )  # fmt: skip
    step = serializers.CharField(
        required=False, max_length=9, help_text="Seconds, or 30s, 5m, 1h. Default: 120 points."
    )
    aggregation = serializers.ChoiceField(
        choices=AGGREGATIONS, required=False,
        help_text="Default: p95 of a histogram, rate of a growing sum, else avg.",
    )  # fmt: skip
    by = _Words(
        default="", max_length=500, allow_blank=True,
        help_text="Labels that keep series apart, with commas between them.",
    )  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it cannot be an attribute."""
        fields = super().get_fields()
        fields["from"] = serializers.CharField(
            default="now-1h", max_length=64,
            help_text="now-6h, now-1d/d, an ISO 8601 time or milliseconds since 1970.",
        )  # fmt: skip
        return fields

    def validate_where(self, value: list[str]) -> tuple[Filter, ...]:
        """Conditions."""
        return parsed(value)

    def validate_names(self, value: list[str]) -> list[str]:
        """A bounded number."""
        if len(value) > MOST_NAMES:
            raise serializers.ValidationError(f"At most {MOST_NAMES} names at a time.")
        return value

    def validate_labels(self, value: list[str]) -> dict[str, str]:
        """A mapping; a value may hold colons, a name cannot."""
        labels: dict[str, str] = {}
        for text in value:
            name, colon, wanted = text.partition(":")
            if not colon or not name.strip():
                raise serializers.ValidationError(f"Write {text[:60]!r} as name:value.")
            if labels.setdefault(name.strip(), wanted) != wanted:
                raise serializers.ValidationError(f"{name.strip()!r} is given twice.")
        return labels

    def validate_step(self, value: str) -> int:
        """Seconds."""
        match = _STEP.fullmatch(value.strip())
        step_s = int(match[1]) * _SECONDS[match[2] or "s"] if match else 0
        if not 1 <= step_s <= _LONGEST_STEP_S:
            raise serializers.ValidationError("Write seconds, or 30s, 5m, 1h; at most 31 days.")
        return step_s


class _PointField(serializers.ListField):
    child = serializers.JSONField(help_text="The start of the step, then the value or null.")


class SeriesSerializer(serializers.Serializer[Any]):
    """One line of a chart."""

    name = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    unit = serializers.CharField(help_text="UCUM, as OpenTelemetry writes it.")
    points = serializers.ListField(
        child=_PointField(), help_text="[ISO 8601 time, value]; null where nothing is known."
    )
    interpolated = serializers.BooleanField(
        help_text="Whether percentiles are read between bounds that the sender chose."
    )
    whole = serializers.FloatField(
        allow_null=True, help_text="The figure over the whole range; only with `top`."
    )
    merged = serializers.IntegerField(
        help_text="1; the series of all others says how many it merges."
    )


class RouteSerializer(serializers.Serializer[Any]):
    """One route's response times."""

    route = serializers.CharField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    samples = serializers.IntegerField()


class SummarySerializer(serializers.Serializer[Any]):
    """The period at a glance; null where nothing is known."""

    avg_cpu = serializers.FloatField(allow_null=True, help_text="Ratio, 0 to 1.")
    avg_memory = serializers.FloatField(allow_null=True, help_text="Ratio, 0 to 1.")
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    samples = serializers.IntegerField(help_text="Requests behind the percentiles.")
    routes = RouteSerializer(many=True, help_text="The 20 routes with most requests.")


class MetricsSerializer(serializers.Serializer[Any]):
    """Series and the summary of their period."""

    series = SeriesSerializer(many=True)
    summary = SummarySerializer()


class MetricNamesFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of the catalogue."""

    prefix = serializers.CharField(default="", allow_blank=True, max_length=255)
    search = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=255,
        help_text="Words the name holds, in any order.",
    )  # fmt: skip


class MetricNameSerializer(serializers.Serializer[Any]):
    """One metric."""

    name = serializers.CharField()
    unit = serializers.CharField()
    kind = serializers.CharField(help_text="gauge, sum or histogram.")
    series = serializers.IntegerField(help_text="How many series it has.")


class ComponentSerializer(serializers.Serializer[Any]):
    """One component and its state."""

    key = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField(help_text="ok, degraded, down or unknown.")
    since = serializers.DateTimeField(allow_null=True, help_text="When this status began.")
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When it was last seen.")
    age_s = serializers.FloatField(allow_null=True, help_text="How old that knowledge is.")
    detail = serializers.CharField()
    error = serializers.CharField()
