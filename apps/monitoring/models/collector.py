"""What every collector found last, and when it is due again."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class CollectorState(models.Model):
    """One collector of one target: its claim (`due_at`) and its last result."""

    class Status(models.TextChoices):
        OK = "ok", _("ok")
        DOWN = "down", _("down")
        UNKNOWN = "unknown", _("unknown")

    kind = models.CharField(_("kind"), max_length=40)
    target = models.CharField(_("target"), max_length=200)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.UNKNOWN
    )
    # Since when the status is what it is.
    since = models.DateTimeField(_("since"), default=timezone.now)
    error = models.TextField(_("error"), blank=True, default="")
    detail = models.CharField(_("detail"), max_length=200, blank=True, default="")
    last_run = models.DateTimeField(_("last run"), null=True, blank=True)
    last_ok = models.DateTimeField(_("last success"), null=True, blank=True)
    duration_ms = models.FloatField(_("duration in ms"), null=True, blank=True)
    interval_s = models.FloatField(_("interval in seconds"))
    # Moved forward by whoever claims the run: a second tick finds nothing due.
    due_at = models.DateTimeField(_("due at"), default=timezone.now)

    class Meta:
        verbose_name = _("collector")
        verbose_name_plural = _("collectors")
        constraints = [
            models.UniqueConstraint(fields=["kind", "target"], name="one_state_a_collector")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
