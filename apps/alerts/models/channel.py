"""Where messages go. Targets are encrypted at rest and never shown whole."""

from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.sealed import SealedTextField

# Whose keys of the vault channels are sealed with.
PURPOSE: Final = "alerts"


def channel_kinds() -> list[tuple[str, Any]]:
    """Every kind there is a notifier for, with its label: no migration for a new one."""
    from apps.alerts.delivery import NOTIFIERS

    return [(kind, NOTIFIERS[kind].label) for kind in sorted(NOTIFIERS)]


def languages() -> list[tuple[str, str]]:
    """The languages of the portal."""
    return [(code, str(name)) for code, name in settings.LANGUAGES]


class Channel(models.Model):
    """One receiver: a webhook URL, an e-mail address, a channel of a chat, a pager service."""

    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=16, choices=channel_kinds)
    sealed_target = SealedTextField(purpose=PURPOSE, fingerprint="target_hash")
    # Keyed hash: the same target is one channel, and equality can be asked without decrypting.
    target_hash = models.CharField(max_length=64, editable=False)
    hint = models.CharField(_("target"), max_length=255, editable=False)
    sealed_secret = SealedTextField(purpose=PURPOSE)
    # Who is told instead when this one fails: the ladder. Cycles are refused by the services.
    fallback = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        verbose_name=_("falls back to"),
        help_text=_("Told instead when a message is refused here, or a critical one is not taken"
                    " after two tries or 20 seconds."),
    )  # fmt: skip
    last_ok_at = models.DateTimeField(_("last delivered"), null=True, editable=False)
    # Since when every attempt has failed; null while it works.
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    # What its kind asks for and may be shown; secrets are sealed above.
    config = models.JSONField(
        _("settings"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )
    language = models.CharField(
        _("language"), max_length=8, choices=languages, blank=True, default="", db_default="",
        help_text=_("Of its messages. Empty: the portal's."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "target_hash"], name="alerts_channel_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """The URL or address in clear. Raises `vault.SealBrokenError`."""
        return self.sealed_target.reveal()

    @property
    def secret(self) -> str:
        """The signing secret in clear, or the kind's named secrets as JSON.

        Raises `vault.SealBrokenError`.
        """
        return self.sealed_secret.reveal()
