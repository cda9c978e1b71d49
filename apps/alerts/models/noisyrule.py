"""Tasks: rules that page too often to be read."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.rule import Rule


class NoisyRule(models.Model):
    """A rule somebody should look at; open until a person closes it."""

    rule = models.ForeignKey(
        Rule, on_delete=models.CASCADE, related_name="noise", verbose_name=_("rule")
    )
    since = models.DateTimeField(_("noisy since"), db_default=Now())
    last_at = models.DateTimeField(_("last seen noisy"), db_default=Now())
    most = models.PositiveIntegerField(_("most messages an hour"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.CharField(_("closed by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("noisy rule")
        verbose_name_plural = _("noisy rules")
        ordering = ["-last_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule"],
                condition=models.Q(closed_at=None),
                name="alerts_noisy_rule_one_open",
            )
        ]

    def __str__(self) -> str:
        return str(self.rule)
