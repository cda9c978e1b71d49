"""Keys that pages carry in the open. They are no secret: origin, service and quota bind them."""

import secrets
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


def new_browser_key() -> str:
    """24 letters and digits; unguessable, so that strangers cannot use up somebody's quota."""
    return secrets.token_hex(12)


def validate_origin(value: str) -> None:
    """Refuse what no browser would send as Origin."""
    wrong = ValidationError(_("Write an origin such as https://shop.example, without a path."))
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or port == 0 or "*" in value:
        raise wrong
    shown = f"[{host}]" if ":" in host else host
    if value != f"{parts.scheme}://{shown}{f':{port}' if port else ''}":
        raise wrong


class BrowserKey(models.Model):
    """Lets pages of some origins send telemetry of one service."""

    name = models.CharField(
        _("name"), max_length=100, unique=True,
        validators=[RegexValidator(r"\A[\w .:/-]+\Z", _("Use letters, digits, spaces and .:/-"))],
    )  # fmt: skip
    key = models.CharField(
        _("key"), max_length=40, unique=True, editable=False, default=new_browser_key
    )
    service = models.CharField(
        _("service"), max_length=200,
        help_text=_("Everything sent with this key counts as this service, whatever it says."),
    )  # fmt: skip
    origins = ArrayField(
        models.CharField(max_length=300, validators=[validate_origin]), size=20,
        verbose_name=_("origins"),
        help_text=_("Pages that may send, separated by commas: https://shop.example"),
    )  # fmt: skip
    attributes = ArrayField(
        models.CharField(max_length=100), size=50, default=list, blank=True,
        verbose_name=_("further attributes"),
        help_text=_("Names of attributes to keep besides the usual ones of browsers."),
    )  # fmt: skip
    requests_a_minute = models.PositiveIntegerField(
        _("requests a minute"), default=600,
        validators=[MinValueValidator(1), MaxValueValidator(60_000)],
        help_text=_("Of all pages together. One address may send 60."),
    )  # fmt: skip
    most_series = models.PositiveIntegerField(
        _("most series"), default=200,
        validators=[MinValueValidator(1), MaxValueValidator(2_000)],
        help_text=_("Of metrics, in an hour; further ones are refused."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("browser key")
        verbose_name_plural = _("browser keys")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
