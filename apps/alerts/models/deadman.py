"""Who notices when alerting itself is dead."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.channel import Channel


class DeadMan(models.Model):
    """The one row that says who is told of life, and who of its absence.

    `beat_at`: a heartbeat left the evaluation, with every stage of the path in time. `heard_at`:
    the outside watcher took one. `alarmed_at`: the second channel was told that they stopped.
    """

    heartbeat = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        verbose_name=_("outside watcher"), limit_choices_to={"kind": "heartbeat"},
        help_text=_("A channel of the kind Heartbeat: an address that raises the alarm itself when"
                    " it is not called each minute."),
    )  # fmt: skip
    second = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        verbose_name=_("second channel"),
        help_text=_("Told directly by the web process, past rules, queue and worker, when"
                    " heartbeats stop."),
    )  # fmt: skip
    late_after_s = models.PositiveIntegerField(
        _("late after"), default=180, db_default=180,
        validators=[MinValueValidator(60), MaxValueValidator(3600)],
        help_text=_("Seconds without a heartbeat until the second channel is told."),
    )  # fmt: skip
    beat_at = models.DateTimeField(_("last heartbeat"), null=True, editable=False)
    heard_at = models.DateTimeField(_("last heard outside"), null=True, editable=False)
    alarmed_at = models.DateTimeField(_("alarm given"), null=True, editable=False)

    class Meta:
        verbose_name = _("dead man's switch")
        verbose_name_plural = _("dead man's switch")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="alerts_deadman_one")]

    def __str__(self) -> str:
        return str(_("Dead man's switch"))
