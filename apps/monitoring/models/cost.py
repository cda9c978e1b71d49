"""What metrics cost, and which are dropped at the door."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class MetricCost(models.Model):
    """What one metric name takes: counted where that is cheap, else extrapolated from samples."""

    name = models.TextField(_("metric"), primary_key=True)
    series = models.BigIntegerField(_("series"))
    rows = models.BigIntegerField(_("rows"))
    bytes = models.BigIntegerField(_("bytes"))
    points_per_s = models.FloatField(_("points per second"))
    sampled = models.BooleanField(_("extrapolated"))
    first_measured_at = models.DateTimeField(_("first measured"), db_default=Now())
    measured_at = models.DateTimeField(_("measured"))

    class Meta:
        verbose_name = _("cost of a metric")
        verbose_name_plural = _("costs of metrics")
        default_permissions = ("view",)
        ordering = ["-bytes", "name"]

    def __str__(self) -> str:
        return self.name


class DropRule(models.Model):
    """A metric whose points are dropped on arrival, counted, until the rule is taken away."""

    name = models.CharField(_("metric"), max_length=600, unique=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_by = models.CharField(_("by"), max_length=200, editable=False)
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)

    class Meta:
        db_table = "tm_drop"
        verbose_name = _("drop rule")
        verbose_name_plural = _("drop rules")
        default_permissions = ("add", "delete", "view")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
