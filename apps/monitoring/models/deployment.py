"""Which version of a service began to run when."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

LONGEST = 200


class Deployment(models.Model):
    """One version of a service going live in one environment ("" where none was said)."""

    class Source(models.TextChoices):
        OBSERVED = "observed", _("seen in telemetry")
        REPORTED = "reported", _("reported")

    service = models.CharField(_("service"), max_length=600)
    version = models.CharField(_("version"), max_length=LONGEST)
    environment = models.CharField(_("environment"), max_length=LONGEST, blank=True, default="")
    at = models.DateTimeField(_("time"), default=timezone.now)
    source = models.CharField(
        _("source"), max_length=10, choices=Source.choices, default=Source.REPORTED
    )

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["at"], name="deployment_at")]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "version", "environment", "at"], name="one_deployment_a_moment"
            ),
            # Telemetry tells the first sight of a version, and that is one moment.
            models.UniqueConstraint(
                fields=["service", "version", "environment"],
                condition=models.Q(source="observed"),
                name="one_first_sight",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.version}"
