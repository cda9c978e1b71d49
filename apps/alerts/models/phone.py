"""Accounts with providers of messages to telephones. Their secrets are encrypted at rest."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.channel import PURPOSE
from apps.core.sealed import SealedTextField


class PhoneAccount(models.Model):
    """One account with Twilio, Amazon SNS, NHN Cloud, SENS or SOLAPI; channels name it."""

    name = models.CharField(
        _("name"), max_length=60, unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*\Z", _("Small letters, digits, hyphens."))],
        help_text=_("Channels refer to it by this name, which cannot be changed later."),
    )  # fmt: skip
    provider = models.CharField(_("provider"), max_length=16)
    settings = models.JSONField(
        _("settings"), default=dict, db_default=Value({}, models.JSONField())
    )
    sealed_secret = SealedTextField(purpose=PURPOSE)
    endpoint = models.CharField(
        _("endpoint"), max_length=500, blank=True, default="", db_default="",
        help_text=_("Empty: the provider's own address. Set it for a proxy or a test receiver."),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("phone account")
        verbose_name_plural = _("phone accounts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
