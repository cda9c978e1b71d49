"""Where committed telemetry is sent on: other systems' OTLP intakes, Elasticsearch."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.sealed import SealedTextField
from apps.monitoring.forward.base import PURPOSE


class DestinationKind(models.TextChoices):
    """Whose intake it is."""

    OTLP = "otlp", _("OTLP over HTTP")
    NEW_RELIC = "newrelic", _("New Relic")
    DATADOG = "datadog", _("Datadog")
    ELASTICSEARCH = "elasticsearch", _("Elasticsearch")


class Destination(models.Model):
    """One receiver. The senders of each process read this row anew every few seconds."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=DestinationKind.choices)
    endpoint = models.CharField(
        _("address"), max_length=2000,
        help_text=_("For OTLP the address before /v1/…, for Elasticsearch the one before /_bulk."),
    )  # fmt: skip
    credentials = SealedTextField(purpose=PURPOSE)
    traces = models.BooleanField(_("traces"), default=True)
    logs = models.BooleanField(_("logs"), default=True)
    metrics = models.BooleanField(_("metrics"), default=True)
    enabled = models.BooleanField(_("enabled"), default=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # What senders tell of themselves; no decision of anybody.
    last_ok_at = models.DateTimeField(_("last accepted"), null=True, editable=False)
    last_error_at = models.DateTimeField(_("last failure"), null=True, editable=False)
    last_error = models.CharField(_("what failed"), max_length=300, default="", editable=False)
    # Minute figures before this instant are sent; for receivers that take differences only.
    minutes_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
