"""How often an alert has changed of late."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.alerts.flapping import History
from apps.alerts.models.episode import Episode
from apps.alerts.models.rule import Rule


class Flap(models.Model):
    """The recent changes of one rule over one label set; its columns are `flapping.History`.

    `told`: somebody was told that it flaps, so its pages may be held back.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="flaps")
    fingerprint = models.CharField(max_length=64)
    episode = models.ForeignKey(Episode, null=True, on_delete=models.SET_NULL, related_name="+")
    changed = models.PositiveIntegerField(default=0)
    firing = models.BooleanField(default=False)
    flapping = models.BooleanField(_("flapping"), default=False)
    changes = ArrayField(models.DateTimeField(), default=list)
    seen_at = models.DateTimeField()
    since = models.DateTimeField(_("flapping since"), null=True)
    told = models.BooleanField(default=False)
    told_channels = ArrayField(models.BigIntegerField(), default=list, db_default=[])

    class Meta:
        verbose_name = _("flapping alert")
        verbose_name_plural = _("flapping alerts")
        constraints = [
            models.UniqueConstraint(fields=["rule", "fingerprint"], name="alerts_flap_once")
        ]
        indexes = [
            models.Index(
                fields=["episode"],
                condition=models.Q(flapping=True),
                name="alerts_flap_now",
            ),
            models.Index(fields=["seen_at"], name="alerts_flap_age"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}/{self.fingerprint[:12]}"

    @property
    def history(self) -> History:
        return History(self.changed, self.firing, self.flapping, tuple(self.changes), self.seen_at)

    @history.setter
    def history(self, history: History) -> None:
        self.changed = history.changed
        self.firing = history.firing
        self.flapping = history.flapping
        self.changes = list(history.changes)
        if history.seen_at is not None:
            self.seen_at = history.seen_at
