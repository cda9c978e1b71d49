"""Prometheus targets that are scraped, set up by staff."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.sealed import SealedTextField
from apps.monitoring.models.probe import validate_probe_url
from apps.monitoring.prometheus.naming import NAME

_MOST_LABELS = 20


def validate_labels(value: Any) -> None:
    """Refuse what is not a flat object of Prometheus label names and short texts."""
    if not isinstance(value, dict) or len(value) > _MOST_LABELS:
        raise ValidationError(_("Write an object of at most 20 labels."))
    for name, text in value.items():
        if not NAME.fullmatch(name) or ":" in name or name.startswith("__"):
            raise ValidationError(_("%(name)s is no name of a label.") % {"name": name[:80]})
        if not isinstance(text, str) or not 0 < len(text) <= 200 or "\0" in text:
            raise ValidationError(_("The value of a label is a text of 1 to 200 characters."))


def validate_dimensions(value: Any) -> None:
    """Refuse what is not a flat object of texts; names are the provider's."""
    if not isinstance(value, dict) or len(value) > _MOST_LABELS:
        raise ValidationError(_("Write an object of at most 20 labels."))
    for text in (*value, *value.values()):
        if not isinstance(text, str) or not 0 < len(text) <= 255 or "\0" in text:
            raise ValidationError(_("Names and values are texts of 1 to 255 characters."))


class ScrapeTarget(models.Model):
    """One address that shows figures in Prometheus' format, read again and again."""

    name = models.CharField(
        _("name"), max_length=100, unique=True,
        validators=[RegexValidator(r"\A[\w .:/-]+\Z", _("Use letters, digits, spaces and .:/-"))],
    )  # fmt: skip
    service = models.CharField(
        _("service"), max_length=200,
        help_text=_("Whose figures these are: the name of the service, Prometheus' job."),
    )  # fmt: skip
    url = models.CharField(
        _("address"), max_length=2000, validators=[validate_probe_url],
        help_text=_("http:// or https://, mostly ending in /metrics. Redirects are not followed."),
    )  # fmt: skip
    interval_s = models.FloatField(
        _("interval in seconds"), default=15.0,
        validators=[MinValueValidator(5), MaxValueValidator(86_400)],
    )  # fmt: skip
    timeout_s = models.FloatField(
        _("timeout in seconds"), default=10.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(30)],
    )  # fmt: skip
    labels = models.JSONField(
        _("labels"), default=dict, blank=True, validators=[validate_labels],
        help_text=_('Added to every series, for example {"region": "eu"}.'),
    )  # fmt: skip
    sample_limit = models.PositiveIntegerField(
        _("most samples"), default=20_000,
        validators=[MinValueValidator(1), MaxValueValidator(200_000)],
        help_text=_("An answer with more is refused whole."),
    )  # fmt: skip
    native_histograms = models.BooleanField(
        _("native histograms"), default=False,
        help_text=_("Ask for the protobuf format, the only one that carries them."),
    )  # fmt: skip
    authorization = SealedTextField(purpose="monitoring.scrape", verbose_name=_("authorization"))
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("scrape target")
        verbose_name_plural = _("scrape targets")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError where one scrape could run into the next."""
        if self.timeout_s and self.interval_s and self.timeout_s > self.interval_s:
            raise ValidationError({"timeout_s": _("The timeout is at most the interval.")})
