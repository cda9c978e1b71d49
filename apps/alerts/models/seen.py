"""Label sets a rule has seen."""

from django.db import models

from apps.alerts.models.rule import Rule


class SeenSeries(models.Model):
    """One label set of one rule: an absence rule expects it from then on.

    `facts` are what the rule's condition keeps of it, as an anomaly's baseline.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="seen")
    fingerprint = models.CharField(max_length=64)
    labels = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "fingerprint"], name="alerts_seen_once")
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}/{self.fingerprint[:12]}"
