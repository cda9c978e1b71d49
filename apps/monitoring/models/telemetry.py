"""Resources, metrics and series as Django sees them. The intake writes them; Django only reads."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Resource(models.Model):
    """Who sends telemetry: the attributes of one OpenTelemetry resource."""

    id = models.IntegerField(primary_key=True)
    hash = models.UUIDField(unique=True, editable=False)
    service = models.TextField(_("service"))
    attrs = models.JSONField(_("attributes"))
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))

    class Meta:
        managed = False
        db_table = "tm_resource"
        verbose_name = _("resource")
        verbose_name_plural = _("resources")

    def __str__(self) -> str:
        return self.service


class Metric(models.Model):
    """One metric name with its unit and kind."""

    class Kind(models.IntegerChoices):
        GAUGE = 1, _("gauge")
        SUM = 2, _("sum")
        HISTOGRAM = 3, _("histogram")

    class Temporality(models.IntegerChoices):
        NONE = 0, _("none")
        DELTA = 1, _("delta")
        CUMULATIVE = 2, _("cumulative")

    id = models.IntegerField(primary_key=True)
    name = models.TextField(_("name"))
    unit = models.TextField(_("unit"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    temporality = models.SmallIntegerField(_("temporality"), choices=Temporality.choices)
    monotonic = models.BooleanField(_("monotonic"))
    description = models.TextField(_("description"))

    class Meta:
        managed = False
        db_table = "tm_metric"
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    """One metric of one resource with one set of attributes."""

    id = models.IntegerField(primary_key=True)
    hash = models.UUIDField(unique=True, editable=False)
    metric = models.ForeignKey(Metric, models.DO_NOTHING, verbose_name=_("metric"))
    resource = models.ForeignKey(Resource, models.DO_NOTHING, verbose_name=_("resource"))
    attrs = models.JSONField(_("attributes"))
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))

    class Meta:
        managed = False
        db_table = "tm_series"
        verbose_name = _("series")
        verbose_name_plural = _("series")

    def __str__(self) -> str:
        return f"{self.metric_id}:{self.id}"


class Span(models.Model):
    """One operation of a service. Read by `queries.traces`; here for its permissions."""

    ts = models.DateTimeField(_("time"))
    trace_id = models.UUIDField(_("trace"))
    # Not unique, but Django wants a key; nothing looks a row up by it.
    span_id = models.BigIntegerField(_("span"), primary_key=True)

    class Meta:
        managed = False
        db_table = "tm_span"
        default_permissions = ("view",)
        verbose_name = _("span")
        verbose_name_plural = _("spans")

    def __str__(self) -> str:
        return f"{self.span_id}"


class LogRecord(models.Model):
    """One log record. Read by `queries.logs`; here for its permissions."""

    # Not unique, but Django wants a key; nothing looks a row up by it.
    ts = models.DateTimeField(_("time"), primary_key=True)
    severity = models.SmallIntegerField(_("severity"))
    body = models.TextField(_("text"))

    class Meta:
        managed = False
        db_table = "tm_log"
        default_permissions = ("view",)
        permissions = [("export_logrecord", _("Can export log records"))]
        verbose_name = _("log record")
        verbose_name_plural = _("log records")

    def __str__(self) -> str:
        return self.body[:80]
