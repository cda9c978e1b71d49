"""The shapes in which programs read and write rules."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.alerts.api.serializers import ChannelSerializer
from apps.alerts.api.stepfields import EscalationField, ShownEscalationField
from apps.alerts.evaluation.conditions import CONDITIONS
from apps.alerts.machine import NoDataPolicy
from apps.alerts.models import Direction, EscalationPolicy, Rule, RuleVersion
from apps.alerts.models.rule import AGGREGATIONS, RATIO
from apps.alerts.models.words import OPENS_INCIDENT
from apps.alerts.services.rulebook import RuleWish
from apps.core.api.fields import Finite, Text

_KINDS: Final = tuple(CONDITIONS)
_MOST_SCOPE: Final = 10


class ScopeField(serializers.DictField):
    """Attribute names with their values."""

    child = Text(max_length=1024, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """A few names, as plain text."""
        value: dict[str, str] = super().to_internal_value(data)
        if len(value) > _MOST_SCOPE or any("\0" in text for pair in value.items() for text in pair):
            raise serializers.ValidationError("A scope holds at most 10 attributes, as plain text.")
        if "" in value:
            raise serializers.ValidationError("An attribute of a scope needs a name.")
        return value


class QuerySerializer(serializers.Serializer[Any]):
    """What is measured, where a metric's name alone does not say it."""

    metric = Text(max_length=255, required=False)
    aggregation = serializers.ChoiceField(choices=[*AGGREGATIONS, (RATIO, RATIO)], required=False)
    scope = ScopeField(required=False)
    by = serializers.ListField(
        child=Text(max_length=255), required=False, max_length=8,
        help_text="Every combination of these attributes' values has an alert of its own.",
    )  # fmt: skip
    window_s = serializers.IntegerField(min_value=5, max_value=86_400, required=False)
    min_samples = serializers.IntegerField(min_value=0, max_value=1_000_000_000, required=False)
    numerator_scope = ScopeField(required=False)
    remainder_scope = ScopeField(required=False)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": list(_KINDS)},
            {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": list(_KINDS)},
                    "direction": {"type": "string", "enum": list(Direction.values)},
                },
                "additionalProperties": True,
            },
        ]
    }
)
class ConditionField(serializers.Field[Any, Any, Any, Any]):
    """A kind of condition, alone or with its settings: `"threshold"`, `{"kind": "change", …}`."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """`condition`, `config` and what else it names."""
        told = {"kind": data} if isinstance(data, str) else data
        if not isinstance(told, dict) or told.get("kind", "threshold") not in _KINDS:
            raise serializers.ValidationError(f"A condition is one of {', '.join(_KINDS)}.")
        config = {k: v for k, v in told.items() if k not in ("kind", "direction")}
        found: dict[str, Any] = {"condition": told.get("kind", "threshold"), "config": config}
        if "direction" in told:
            if told["direction"] not in Direction.values:
                raise serializers.ValidationError("A direction is above or below.")
            found["direction"] = told["direction"]
        return found

    def to_representation(self, value: Any) -> Any:
        """As it was sent."""
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "number"},
            {
                "type": "object",
                "properties": {
                    "at": {"type": "number", "nullable": True},
                    "clear": {"type": "number", "nullable": True},
                    "inclusive": {"type": "boolean"},
                },
                "required": ["at"],
            },
        ]
    }
)
class SeverityField(serializers.Field[Any, Any, Any, Any]):
    """A threshold, or `{"at": 90, "clear": 85, "inclusive": true}`."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """`at`, `clear` and `inclusive`."""
        told = data if isinstance(data, dict) else {"at": data}
        if not set(told) <= {"at", "clear", "inclusive"} or "at" not in told:
            raise serializers.ValidationError("A threshold is a number, or has `at` and `clear`.")
        number = Finite(allow_null=True)
        inclusive = told.get("inclusive", False)
        if not isinstance(inclusive, bool):
            raise serializers.ValidationError("`inclusive` is true or false.")
        return {
            "at": number.run_validation(told["at"]),
            "clear": number.run_validation(told.get("clear")),
            "inclusive": inclusive,
        }

    def to_representation(self, value: Any) -> Any:
        """As it was sent."""
        return value


class SeveritiesSerializer(serializers.Serializer[Any]):
    """The thresholds: one or both."""

    warning = SeverityField(required=False, allow_null=True)
    critical = SeverityField(required=False, allow_null=True)


class RuleFieldsSerializer(serializers.Serializer[RuleWish]):
    """What a caller may say of a rule."""

    metric = Text(max_length=255, required=False)
    query = QuerySerializer(required=False)
    condition = ConditionField(
        required=False, help_text=f"One of {', '.join(_KINDS)}, or an object with `kind`."
    )
    severities = SeveritiesSerializer(required=False)
    for_s = serializers.IntegerField(min_value=0, max_value=86_400, required=False)
    keep_firing_for_s = serializers.IntegerField(min_value=0, max_value=86_400, required=False)
    interval_s = serializers.IntegerField(min_value=5, max_value=3600, required=False)
    no_data = serializers.ChoiceField(choices=[p.value for p in NoDataPolicy], required=False)
    summary = Text(max_length=2000, required=False, allow_blank=True)
    message = Text(max_length=2000, required=False, allow_blank=True)
    runbook = serializers.URLField(max_length=500, required=False, allow_blank=True)
    opens_incident = serializers.ChoiceField(
        choices=OPENS_INCIDENT, required=False, allow_blank=True, help_text="Empty: never."
    )
    enabled = serializers.BooleanField(required=False)
    channels = ChannelSerializer(
        many=True, required=False, max_length=20,  # type: ignore[call-arg]
        help_text="Left out: as they are.",
    )  # fmt: skip
    escalation = EscalationField(
        required=False, allow_null=True,
        help_text="Steps of its own, or the name of an escalation policy; null for none.",
    )  # fmt: skip
    force = serializers.BooleanField(
        default=False, help_text="Accept a metric that has never been seen."
    )

    def wish(self) -> RuleWish:
        """The validated request as fields of a rule."""
        data = dict(self.validated_data)
        channels, force = data.pop("channels", None), data.pop("force", False)
        fields: dict[str, Any] = {**data.pop("query", {}), **data.pop("condition", {})}
        steps = data.pop("escalation", ())
        if steps is None or isinstance(steps, str):
            fields["policy"] = None if steps is None else _policy(steps)
        for severity, given in data.pop("severities", {}).items():
            told = given or {"at": None, "clear": None, "inclusive": False}
            fields[severity], fields[f"clear_{severity}"] = told["at"], told["clear"]
            fields[f"{severity}_inclusive"] = told["inclusive"]
        wishes = None if channels is None else [ChannelSerializer.wish(one) for one in channels]
        own = steps if isinstance(steps, list) else None
        return RuleWish({**fields, **data}, wishes, own, force)


def _policy(name: str) -> EscalationPolicy:
    shared = EscalationPolicy.objects.filter(owner=None)
    found = shared.filter(name=name).first()
    if found is None:
        there = shared.values_list("name", flat=True)[:20]
        told = f"No escalation policy is called {name!r}; there are: {', '.join(there) or 'none'}."
        raise serializers.ValidationError({"escalation": [told]})
    return found


class NewRuleSerializer(RuleFieldsSerializer):
    """The body that creates a rule, or changes the one of this name."""

    name = Text(max_length=200)


class ChangedRuleSerializer(RuleFieldsSerializer):
    """The body that changes a rule: what is left out stays."""

    name = Text(max_length=200, required=False)


class PreviewedRuleSerializer(RuleFieldsSerializer):
    """A rule to try on the past, and how far back."""

    name = Text(max_length=200, required=False)
    id = serializers.IntegerField(
        required=False, min_value=1, help_text="Begin from this stored rule."
    )
    days = serializers.FloatField(min_value=0.01, max_value=31, default=7)

    def wish(self) -> RuleWish:
        """Whoever only tries need not force anything."""
        wish = super().wish()
        fields = {k: v for k, v in wish.fields.items() if k not in ("id", "days")}
        return RuleWish(fields, None, force=True)


class RuleSerializer(serializers.Serializer[Rule]):
    """One rule."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    built_in = serializers.CharField()
    summary = serializers.CharField()
    message = serializers.CharField()
    runbook = serializers.CharField()
    opens_incident = serializers.CharField()
    metric = serializers.CharField()
    aggregation = serializers.CharField()
    scope = serializers.DictField()
    by = serializers.ListField()
    window_s = serializers.IntegerField()
    min_samples = serializers.IntegerField()
    numerator_scope = serializers.DictField()
    remainder_scope = serializers.DictField()
    condition = serializers.CharField()
    config = serializers.DictField()
    direction = serializers.CharField()
    warning = serializers.FloatField(allow_null=True)
    critical = serializers.FloatField(allow_null=True)
    clear_warning = serializers.FloatField(allow_null=True)
    clear_critical = serializers.FloatField(allow_null=True)
    warning_inclusive = serializers.BooleanField()
    critical_inclusive = serializers.BooleanField()
    for_s = serializers.IntegerField()
    keep_firing_for_s = serializers.IntegerField()
    interval_s = serializers.IntegerField()
    no_data = serializers.CharField()
    enabled = serializers.BooleanField()
    escalation = ShownEscalationField(
        source="*", read_only=True, help_text="As it is sent; `name` is what people call a channel."
    )
    version = serializers.IntegerField()
    updated_at = serializers.DateTimeField()
    last_tick = serializers.DateTimeField(allow_null=True)
    unhealthy_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    note = serializers.CharField(help_text="What it held back at its last evaluation, and why.")


class RuleSetSerializer(serializers.Serializer[Any]):
    """The rule in force after a change."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    rule = RuleSerializer()
    series = serializers.IntegerField(help_text="How many series it sees now.")
    previous = serializers.DictField(allow_null=True, help_text="The former values.")


class RuleFilterSerializer(serializers.Serializer[Any]):
    """Query parameters of the list."""

    metric = serializers.CharField(default="", allow_blank=True, max_length=255)
    search = serializers.CharField(default="", allow_blank=True, max_length=200)
    condition = serializers.CharField(default="", allow_blank=True, max_length=32)


class VersionSerializer(serializers.Serializer[RuleVersion]):
    """One change of a rule."""

    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)


class RestoreSerializer(serializers.Serializer[Any]):
    """Which version."""

    version = serializers.IntegerField(min_value=1)


class PreviewSerializer(serializers.Serializer[Any]):
    """What the rule would have done."""

    summary = serializers.CharField(help_text="Would have fired 3 times in 7 days.")
    fired = serializers.IntegerField()
    complete = serializers.BooleanField(help_text="False: time ran out at `until`.")
    until = serializers.DateTimeField()
    step_s = serializers.IntegerField()
    unit = serializers.CharField()
    groups = serializers.IntegerField()
    held = serializers.CharField()
    thresholds = serializers.DictField()
    firings = serializers.ListField(child=serializers.DictField())
    variants = serializers.ListField(child=serializers.DictField())
    series = serializers.ListField(child=serializers.DictField())
