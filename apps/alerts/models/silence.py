"""Silences: alerts people asked not to hear of for a while."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import matchers
from apps.alerts.matchers import Matcher


class SilenceState(models.TextChoices):
    """Where a silence stands; told by the clock alone."""

    PENDING = "pending", _("Not yet begun")
    ACTIVE = "active", _("In force")
    EXPIRED = "expired", _("Over")


class Silence(models.Model):
    """Alerts with these labels send nothing between two moments (half-open).

    Once begun only its end moves; any other change ends it and makes another that `replaces` it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # As `matchers.from_json` reads them.
    stored_matchers = models.JSONField(_("matchers"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    comment = models.TextField(_("comment"), max_length=2000)
    created_by = models.CharField(_("by"), max_length=200, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    ended_by = models.CharField(_("ended by"), max_length=200, blank=True, editable=False)
    replaces = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="replaced_by", editable=False,
        verbose_name=_("replaces"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("silence")
        verbose_name_plural = _("silences")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")),
                name="alerts_silence_ends_after_start",
            )
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="alerts_silence_end"),
            models.Index(fields=["-starts_at", "-id"], name="alerts_silence_newest"),
        ]

    def __str__(self) -> str:
        return matchers.in_words(self.matchers)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What an alert has to fulfil. Raises InvalidInputError for a row nobody can read."""
        return matchers.from_json(self.stored_matchers)

    def state_at(self, now: datetime) -> SilenceState:
        """Pending, active or expired at a moment."""
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts_at else SilenceState.PENDING
