"""Rules and the history of their changes."""

import hashlib
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.machine import NoDataPolicy, Timing
from apps.alerts.models.channel import Channel
from apps.alerts.models.words import NO_DATA, OPENS_INCIDENT
from apps.alerts.template import TemplateError, compile_template
from apps.alerts.thresholds import Thresholds

RATIO = "ratio"
AGGREGATIONS = [
    (name, name)
    for name in (
        "avg", "min", "max", "sum", "last", "rate", "increase", "count",
        "p50", "p90", "p95", "p99", "p999",
    )
]  # fmt: skip
_DAY_S = 86_400
# Rules fall due at whole steps of this.
_STEP_S = 5
_NOTHING = models.Value({}, output_field=models.JSONField())


class Direction(models.TextChoices):
    """On which side of its threshold a value is a breach."""

    ABOVE = "above", _("Above")
    BELOW = "below", _("Below")


def _scope_problem(value: Any) -> None:
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and key and isinstance(item, str) for key, item in value.items()
    ):
        raise ValidationError(_("A scope is an object of attribute names and text values."))


class Rule(models.Model):
    """A condition over one metric, judged for each label set it yields.

    `condition` names the kind, `config` is its configuration (`evaluation/conditions`).
    With aggregation `ratio` the value is the share of events that also match `numerator_scope`:
    among all events in `scope`, or, where `remainder_scope` is given, among the numerator and the
    remainder only (hits among hits and misses). No events: no value, never 0.
    """

    name = models.CharField(_("name"), max_length=200)
    summary = models.TextField(_("summary"), blank=True, max_length=2000)
    built_in = models.CharField(_("built-in"), max_length=64, blank=True, editable=False)
    message = models.TextField(
        _("message"),
        blank=True,
        max_length=2000,
        default="",
        db_default="",
        help_text=_("Sent instead of the summary; {{ value }}, {{ labels.host }} are filled in."),
    )
    runbook = models.CharField(
        _("runbook"), blank=True, max_length=500, default="", db_default="",
        validators=[URLValidator(["http", "https"])],
        help_text=_("The address of what to do when it fires; it stands in every message."),
    )  # fmt: skip
    condition = models.CharField(
        _("condition"), max_length=32, default="threshold", db_default="threshold"
    )
    config = models.JSONField(
        _("settings of the condition"), default=dict, blank=True, db_default=_NOTHING
    )
    metric = models.CharField(_("metric"), max_length=255)
    aggregation = models.CharField(
        _("aggregation"), max_length=16, default="avg", choices=[*AGGREGATIONS, (RATIO, _("ratio"))]
    )
    scope = models.JSONField(_("scope"), default=dict, blank=True, validators=[_scope_problem])
    by = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("one alert per"),
        default=list,
        blank=True,
        size=8,
        help_text=_("Attribute names; every combination of their values is judged by itself."),
    )
    numerator_scope = models.JSONField(
        _("numerator scope"), default=dict, blank=True, validators=[_scope_problem]
    )
    remainder_scope = models.JSONField(
        _("remainder scope"), default=dict, blank=True, validators=[_scope_problem]
    )
    min_samples = models.PositiveIntegerField(
        _("fewest events"),
        default=0,
        help_text=_("Fewer events than this in the window are no verdict."),
    )
    direction = models.CharField(
        _("direction"), max_length=5, choices=Direction.choices, default=Direction.ABOVE
    )
    warning = models.FloatField(_("warning threshold"), null=True, blank=True)
    critical = models.FloatField(_("critical threshold"), null=True, blank=True)
    clear_warning = models.FloatField(_("warning clears at"), null=True, blank=True)
    clear_critical = models.FloatField(_("critical clears at"), null=True, blank=True)
    warning_inclusive = models.BooleanField(
        _("warning at the threshold itself"), default=False, db_default=False
    )
    critical_inclusive = models.BooleanField(_("critical at the threshold itself"), default=False)
    for_s = models.PositiveIntegerField(
        _("for (s)"), default=60, validators=[MaxValueValidator(_DAY_S)]
    )
    keep_firing_for_s = models.PositiveIntegerField(
        _("keep firing for (s)"), default=0, validators=[MaxValueValidator(_DAY_S)]
    )
    window_s = models.PositiveIntegerField(
        _("window (s)"), default=60, validators=[MinValueValidator(5), MaxValueValidator(_DAY_S)]
    )
    interval_s = models.PositiveIntegerField(
        _("interval (s)"), default=15, validators=[MinValueValidator(5), MaxValueValidator(3600)]
    )
    no_data = models.CharField(
        _("without data"), max_length=16, choices=NO_DATA, default=NoDataPolicy.KEEP_LAST
    )
    channels = models.ManyToManyField(
        Channel, verbose_name=_("channels"), blank=True, related_name="rules"
    )
    opens_incident = models.CharField(
        _("opens an incident"),
        max_length=8,
        choices=OPENS_INCIDENT,
        blank=True,
        default="",
        db_default="",
    )
    policy = models.ForeignKey(
        "alerts.EscalationPolicy", null=True, blank=True, on_delete=models.PROTECT,
        related_name="rules", verbose_name=_("escalation policy"),
        help_text=_("Whom to page, one level after another, besides the channels."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    # What the evaluations leave behind.
    next_eval_at = models.DateTimeField(db_default=Now(), editable=False)
    last_tick = models.DateTimeField(_("last evaluated"), null=True, editable=False)
    no_data_since = models.DateTimeField(_("no data since"), null=True, editable=False)
    errors_in_row = models.PositiveIntegerField(default=0, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    unhealthy_since = models.DateTimeField(_("unhealthy since"), null=True, editable=False)
    note = models.TextField(_("note"), blank=True, editable=False, default="", db_default="")

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(warning__isnull=False) | models.Q(critical__isnull=False),
                name="alerts_rule_has_threshold",
            ),
            models.CheckConstraint(
                condition=models.Q(interval_s__gte=1), name="alerts_rule_interval_positive"
            ),
            models.UniqueConstraint(
                fields=["built_in"],
                condition=~models.Q(built_in=""),
                name="alerts_rule_built_in_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_eval_at"],
                condition=models.Q(enabled=True),
                name="alerts_rule_due",
            ),
            models.Index(fields=["metric"], name="alerts_rule_metric"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse thresholds, conditions and templates that make no sense."""
        super().clean()
        self._check_condition()
        problem = self.thresholds.problem()
        if problem:
            raise ValidationError(problem)
        if (self.aggregation == RATIO) != bool(self.numerator_scope):
            raise ValidationError(
                {"numerator_scope": _("A ratio, and only a ratio, needs a numerator scope.")}
            )
        if self.remainder_scope and self.aggregation != RATIO:
            raise ValidationError({"remainder_scope": _("Only a ratio has a remainder.")})
        try:
            compile_template(self.message)
        except TemplateError as error:
            raise ValidationError({"message": str(error)}) from error

    def _check_condition(self) -> None:
        # Conditions read the store and know this model: they cannot be imported with it.
        from apps.alerts.evaluation import conditions

        try:
            conditions.prepare(self)
        except conditions.ConfigError as error:
            known = {field.name for field in self._meta.fields}
            field = error.field if error.field in known else "config"
            raise ValidationError({field: str(error)}) from error

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            self.direction == Direction.ABOVE,
            self.warning,
            self.critical,
            self.critical_inclusive,
            self.clear_warning,
            self.clear_critical,
            self.warning_inclusive,
        )

    @property
    def timing(self) -> Timing:
        return Timing(
            self.for_s, self.interval_s, self.keep_firing_for_s, NoDataPolicy(self.no_data)
        )

    @property
    def offset_s(self) -> int:
        """Where in its interval this rule is due, so that rules do not all fall due at once.

        The rules of one metric are due together, for then one reading answers them all; those of
        others at whole steps of some seconds, for a batch costs much the same for one and for many.
        """
        place = int.from_bytes(hashlib.sha256(self.metric.encode()).digest()[:8]) % self.interval_s
        return place - place % _STEP_S


class RuleVersion(models.Model):
    """One change of a rule: who, when, before and after. Never edited."""

    rule = models.ForeignKey(
        Rule, null=True, on_delete=models.SET_NULL, related_name="versions", verbose_name=_("rule")
    )
    rule_name = models.CharField(_("rule"), max_length=200)
    version = models.PositiveIntegerField(_("version"))
    at = models.DateTimeField(_("at"), db_default=Now())
    actor = models.CharField(_("by"), max_length=200)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)

    class Meta:
        verbose_name = _("rule change")
        verbose_name_plural = _("rule changes")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "version"], name="alerts_rule_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.rule_name} v{self.version}"
