"""API keys: how programs sign in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey


class Scope(models.TextChoices):
    """What a key may do."""

    READ = "read", _("Read")
    OPERATE = "operate", _("Operate")
    INGEST = "ingest", _("Send telemetry")
    ALERTS = "alerts", _("Send alerts")


class Tier(models.TextChoices):
    """How much a key may ask; the figures are settings."""

    STANDARD = "standard", _("Standard")
    PREMIUM = "premium", _("Premium")


class ApiKey(AbstractAPIKey):
    """A key for programs. Only a SHA-512 hash is stored; the key itself is shown once."""

    scopes = ArrayField(
        models.CharField(max_length=16, choices=Scope.choices),
        verbose_name=_("scopes"),
        default=list,
        help_text=_("What the key may do: read, operate, ingest, alerts."),
    )
    tier = models.CharField(
        _("tier"),
        max_length=16,
        choices=Tier.choices,
        default=Tier.STANDARD,
        db_default=Tier.STANDARD,
        help_text=_("How many requests a minute the key may make."),
    )

    class Meta(AbstractAPIKey.Meta):
        abstract = False
        verbose_name = _("API key")  # type: ignore[assignment]
        verbose_name_plural = _("API keys")  # type: ignore[assignment]
