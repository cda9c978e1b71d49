"""HTTP probes, set up by staff."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


def validate_probe_url(value: str) -> None:
    """Refuse what is not plain http(s) to a host, or carries credentials anyone could read."""
    wrong = ValidationError(_("Write an address that begins with http:// or https://."))
    # Blanks and control characters would end the request line early.
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in value):
        raise wrong
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave user name and password out of the address."))


class Probe(models.Model):
    """One HTTP request made again and again, and the answer it should get."""

    class Method(models.TextChoices):
        GET = "GET"
        HEAD = "HEAD"

    name = models.CharField(
        _("name"), max_length=100, unique=True,
        validators=[RegexValidator(r"\A[\w .:/-]+\Z", _("Use letters, digits, spaces and .:/-"))],
    )  # fmt: skip
    url = models.CharField(
        _("address"), max_length=2000, validators=[validate_probe_url],
        help_text=_("http:// or https://. Redirects are an answer; they are not followed."),
    )  # fmt: skip
    method = models.CharField(_("method"), max_length=4, choices=Method.choices, default=Method.GET)
    expected_status = models.PositiveSmallIntegerField(
        _("expected status"), default=200,
        validators=[MinValueValidator(100), MaxValueValidator(599)],
    )  # fmt: skip
    timeout_s = models.FloatField(
        _("timeout in seconds"), default=5.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(30)],
    )  # fmt: skip
    interval_s = models.FloatField(
        _("interval in seconds"), default=30.0,
        validators=[MinValueValidator(5), MaxValueValidator(86_400)],
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("probe")
        verbose_name_plural = _("probes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
