"""Acknowledgements: somebody is at it, so one episode stops paging."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.episode import Episode
from apps.alerts.models.words import SEVERITIES


class AckEnd(models.TextChoices):
    """Why an acknowledgement ended."""

    WITHDRAWN = "withdrawn", _("Withdrawn")
    TIMEOUT = "timeout", _("Timed out")
    REPLACED = "replaced", _("Replaced by another")
    RESOLVED = "resolved", _("The episode ended")
    RAISED = "raised", _("It grew worse")


class Acknowledgement(models.Model):
    """Binds an episode to whoever took it; ends with the episode, or `until` (None: only then).

    Nobody has taken what came later: once the episode is worse than `severity`, it is over.
    """

    episode = models.ForeignKey(
        Episode, on_delete=models.CASCADE, related_name="acknowledgements",
        verbose_name=_("episode"),
    )  # fmt: skip
    by = models.CharField(_("by"), max_length=200)
    at = models.DateTimeField(_("at"), db_default=Now())
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    until = models.DateTimeField(_("until"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.CharField(_("ended by"), max_length=200, blank=True)
    end_reason = models.CharField(
        _("ended because"), max_length=9, choices=AckEnd.choices, blank=True
    )

    class Meta:
        verbose_name = _("acknowledgement")
        verbose_name_plural = _("acknowledgements")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["episode"],
                condition=models.Q(ended_at=None),
                name="alerts_ack_one_in_force",
            )
        ]
        indexes = [
            models.Index(
                fields=["until"],
                condition=models.Q(ended_at=None),
                name="alerts_ack_due",
            )
        ]

    def __str__(self) -> str:
        return self.by
