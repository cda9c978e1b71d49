"""Objectives: figures somebody wants to hold, over any metric."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

AGGREGATIONS = [
    (name, name)
    for name in (
        "avg", "min", "max", "sum", "last", "rate", "increase", "count",
        "p50", "p75", "p90", "p95", "p99", "p999",
    )
]  # fmt: skip


def scope_problem(value: Any) -> None:
    """Raise ValidationError unless the value maps names to texts."""
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and key and isinstance(item, str) for key, item in value.items()
    ):
        raise ValidationError(_("A scope is an object of attribute names and text values."))


class Objective(models.Model):
    """A figure of a metric in every window, and the goal it is to keep.

    With `over_metric` the figure is the ratio of both; with `complement` what is missing to one.
    With `by` each label set has a figure of its own, and the worst is judged.
    """

    class Group(models.TextChoices):
        RESOURCES = "resources", _("Resources")
        SERVICE = "service", _("Service")
        JOBS = "jobs", _("Units of work")

    class Side(models.TextChoices):
        BELOW = "below", _("below")
        ABOVE = "above", _("at least")

    class Reach(models.TextChoices):
        ALWAYS = "always", _("in every window")
        ONCE = "once", _("in the best window")

    name = models.CharField(_("name"), max_length=200, unique=True)
    summary = models.TextField(_("summary"), blank=True, max_length=2000)
    group = models.CharField(
        _("group"), max_length=16, choices=Group.choices, default=Group.RESOURCES
    )
    built_in = models.CharField(_("built-in"), max_length=64, blank=True, editable=False)
    metric = models.CharField(_("metric"), max_length=255)
    aggregation = models.CharField(
        _("aggregation"), max_length=16, default="avg", choices=AGGREGATIONS
    )
    scope = models.JSONField(_("scope"), default=dict, blank=True, validators=[scope_problem])
    by = ArrayField(
        models.CharField(max_length=255), verbose_name=_("one figure for each"), default=list,
        blank=True, size=8, help_text=_("Attribute names; the worst of their figures is judged."),
    )  # fmt: skip
    over_metric = models.CharField(
        _("divided by metric"), max_length=255, blank=True,
        help_text=_("The same aggregation of another metric; empty for none."),
    )  # fmt: skip
    over_scope = models.JSONField(
        _("scope of the divisor"), default=dict, blank=True, validators=[scope_problem]
    )
    complement = models.BooleanField(
        _("what is missing to one"), default=False, help_text=_("1 minus the ratio is judged.")
    )
    side = models.CharField(_("side"), max_length=5, choices=Side.choices, default=Side.BELOW)
    goal = models.FloatField(
        _("goal"), help_text=_("In the unit of the metric; a ratio is 0 to 1.")
    )
    unit = models.CharField(
        _("unit"), max_length=63, blank=True,
        help_text=_("UCUM, as s, By or 1; shown while the metric has not told its own."),
    )  # fmt: skip
    reach = models.CharField(
        _("to be met"), max_length=6, choices=Reach.choices, default=Reach.ALWAYS,
        help_text=_("A capacity is shown by the best window; everything else by every window."),
    )  # fmt: skip
    share = models.FloatField(
        _("share of windows"), default=1.0,
        validators=[MinValueValidator(0.01), MaxValueValidator(1)],
        help_text=_("What share of the windows must meet the goal, 0.01 to 1."),
    )  # fmt: skip
    window_s = models.PositiveIntegerField(
        _("window (s)"), default=300, validators=[MinValueValidator(10), MaxValueValidator(86_400)]
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("objective")
        verbose_name_plural = _("objectives")
        ordering = ["group", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["built_in"], condition=~models.Q(built_in=""),
                name="monitoring_objective_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what cannot be computed."""
        super().clean()
        if self.complement and not self.over_metric:
            raise ValidationError({"complement": _("Only a ratio has something missing to one.")})
