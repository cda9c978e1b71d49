"""How much a channel, and a person on it, is told; what is beyond is told in digests."""

from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.channel import Channel
from apps.alerts.models.episode import Episode
from apps.alerts.models.notification import Notification, Purpose
from apps.alerts.models.words import SEVERITIES

_NOBODY = models.Q(person=None)


def _one_each(name: str, **when: Any) -> list[models.BaseConstraint]:
    """One row for each channel, and for each person on it."""
    extra = models.Q(**when)
    return [
        models.UniqueConstraint(
            fields=["channel"], condition=_NOBODY & extra, name=f"alerts_{name}_of_channel"
        ),
        models.UniqueConstraint(
            fields=["channel", "person"], condition=~_NOBODY & extra,
            name=f"alerts_{name}_of_person",
        ),
    ]  # fmt: skip


class CapScope(models.TextChoices):
    """Whose messages are counted together."""

    CHANNEL = "channel", _("Channel")
    PERSON = "person", _("Person on a channel")


class Cap(models.Model):
    """The most messages of a channel, of a kind of channels, or of all. The closest one counts."""

    scope = models.CharField(_("counted by"), max_length=8, choices=CapScope.choices)
    kind = models.CharField(
        _("kind"), max_length=16, blank=True, help_text=_("Of channels; empty: every kind.")
    )
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.CASCADE, related_name="caps",
        verbose_name=_("channel"), help_text=_("Empty: every channel of the kind."),
    )  # fmt: skip
    burst = models.PositiveIntegerField(
        _("at once"), validators=[MinValueValidator(1)],
        help_text=_("So many may leave at once after a quiet time."),
    )  # fmt: skip
    per_hour = models.PositiveIntegerField(_("an hour"), validators=[MinValueValidator(1)])
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Off: nothing is held back there.")
    )

    class Meta:
        verbose_name = _("cap")
        verbose_name_plural = _("caps")
        ordering = ["scope", "kind", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "kind"], condition=models.Q(channel=None),
                name="alerts_cap_of_kind",
            ),
            models.UniqueConstraint(fields=["scope", "channel"], name="alerts_cap_of_channel"),
        ]  # fmt: skip

    def __str__(self) -> str:
        whose = self.channel or self.kind or _("all channels")
        return f"{self.get_scope_display()}: {whose}"


class Bucket(models.Model):
    """The tokens a channel, or a person on it, has left at a moment. Spent with the message."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    tokens = models.FloatField()
    at = models.DateTimeField()
    # Messages that left although there was no token, and that went to a digest; for all time.
    exempt = models.PositiveBigIntegerField(default=0)
    held = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = _one_each("bucket")

    def __str__(self) -> str:
        return f"{self.channel_id}/{self.person_id or ''}"


class Digest(models.Model):
    """Messages over the cap of a channel, told together once `due_at` has come."""

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="digests", verbose_name=_("channel")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now())
    due_at = models.DateTimeField(_("due"))
    sent_at = models.DateTimeField(_("handed over"), null=True)
    notification = models.ForeignKey(
        Notification, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")
        ordering = ["-pk"]
        constraints = _one_each("digest", sent_at=None)
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(sent_at=None), name="alerts_digest_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}, {self.due_at:%Y-%m-%d %H:%M}"


class DigestEntry(models.Model):
    """One message that was over a cap. `key` as the outbox has it: no news is told twice."""

    digest = models.ForeignKey(Digest, on_delete=models.CASCADE, related_name="entries")
    key = models.CharField(max_length=64, unique=True)
    episode = models.ForeignKey(
        Episode, null=True, on_delete=models.CASCADE, related_name="digest_entries"
    )
    # A message of a group tells of all its alerts, as in the outbox.
    group = models.ForeignKey(
        "alerts.AlertGroup", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    purpose = models.CharField(_("message"), max_length=16, choices=Purpose.choices)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES, blank=True)
    payload = models.JSONField(_("content"))
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("message of a digest")
        verbose_name_plural = _("messages of a digest")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.key[:12]}"
