"""Alerts that other systems send, each the living half of an episode."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.episode import Episode


class ForeignAlert(models.Model):
    """The last word of another system about one label set. Its episode is the history.

    `ends_at`: when it ends unless it is told again; past, it has ended.
    """

    source = models.CharField(_("source"), max_length=64)
    fingerprint = models.CharField(max_length=64)
    labels = models.JSONField(_("labels"), default=dict)
    annotations = models.JSONField(_("annotations"), default=dict)
    generator_url = models.CharField(max_length=2000, blank=True, default="")
    starts_at = models.DateTimeField(_("started"))
    ends_at = models.DateTimeField(_("ends"))
    updated_at = models.DateTimeField(_("last told"))
    # None while nobody needs to be told: it ended.
    episode = models.ForeignKey(Episode, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("foreign alert")
        verbose_name_plural = _("foreign alerts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["source", "fingerprint"], name="alerts_foreign_once")
        ]
        indexes = [
            models.Index(
                fields=["ends_at"],
                condition=models.Q(episode__isnull=False),
                name="alerts_foreign_ending",
            ),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(episode__isnull=True),
                name="alerts_foreign_idle",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.fingerprint[:12]}"


class ForeignSource(models.Model):
    """How one sender's alerts are read. Without a row a sender is read as its format says."""

    class Format(models.TextChoices):
        ALERTMANAGER = "alertmanager", _("Alertmanager webhook")
        JSON = "json", _("JSON of any shape")

    key = models.SlugField(
        _("key"), max_length=64, unique=True, help_text=_("The last part of its address.")
    )
    name = models.CharField(_("name"), max_length=200)
    format = models.CharField(
        _("format"), max_length=16, choices=Format.choices, default=Format.ALERTMANAGER
    )
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        blank=True,
        help_text=_("For JSON: where in the body each field of an alert is."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    opens_incident = models.BooleanField(_("critical alerts open an incident"), default=False)

    class Meta:
        verbose_name = _("alert source")
        verbose_name_plural = _("alert sources")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name
