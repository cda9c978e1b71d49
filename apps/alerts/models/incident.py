"""Incidents and their log."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import SEVERITIES, STATUSES, UNRESOLVED, Status
from apps.alerts.models.episode import Episode

LONGEST_KEY = 200


class Incident(models.Model):
    """Something people deal with together. All times are the database's.

    `key` says what it is about: while one of a key is unresolved there is no second.
    `started_at`: when users began to be hurt, as far as is known; `detected_at`: when someone or
    something noticed. `auto_resolve`: it ends by itself with the last of its episodes.
    """

    key = models.CharField(_("key"), max_length=LONGEST_KEY)
    title = models.CharField(_("title"), max_length=300)
    summary = models.TextField(_("summary"), blank=True, default="", max_length=10_000)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    status = models.CharField(_("status"), max_length=13, choices=STATUSES, default=Status.OPEN)
    source = models.CharField(_("opened by"), max_length=64, blank=True, default="")
    declared_by = models.CharField(_("declared by"), max_length=200)
    services = ArrayField(
        models.CharField(max_length=600), verbose_name=_("services"), default=list, blank=True
    )
    auto_resolve = models.BooleanField(_("resolves by itself"), default=False)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged",
        verbose_name=_("merged into"),
    )  # fmt: skip
    episodes: "models.ManyToManyField[Episode, IncidentEpisode]" = models.ManyToManyField(
        Episode, through="IncidentEpisode", related_name="incidents"
    )
    started_at = models.DateTimeField(_("started"))
    detected_at = models.DateTimeField(_("detected"))
    declared_at = models.DateTimeField(_("declared"), db_default=Now())
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    changed_at = models.DateTimeField(_("last change"), db_default=Now())
    # Counts the changes of this row: whoever changes it says which one they saw.
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-declared_at", "-pk"]
        default_permissions = ("add", "change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(status__in=[str(status) for status in UNRESOLVED]),
                name="alerts_incident_one_unresolved",
            )
        ]
        indexes = [
            models.Index(fields=["-declared_at", "-id"], name="alerts_incident_newest"),
            models.Index(fields=["key", "-id"], name="alerts_incident_key"),
            models.Index(
                fields=["-declared_at"],
                condition=models.Q(status__in=[str(status) for status in UNRESOLVED]),
                name="alerts_incident_open",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    @property
    def unresolved(self) -> bool:
        return self.status in UNRESOLVED


class IncidentEpisode(models.Model):
    """An episode that belongs to an incident."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="linked")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="incident_links")
    by = models.CharField(_("linked by"), max_length=200)
    at = models.DateTimeField(_("linked"), db_default=Now())

    class Meta:
        verbose_name = _("linked episode")
        verbose_name_plural = _("linked episodes")
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "episode"], name="alerts_incident_episode_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.episode_id}"


class IncidentEvent(models.Model):
    """One line of an incident's log. A trigger lets nobody edit or delete it.

    Only a comment can be struck out, once; its text stays.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(_("at"), db_default=Now())
    kind = models.CharField(_("event"), max_length=32)
    actor = models.CharField(_("by"), max_length=200)
    text = models.TextField(_("text"), blank=True, default="")
    detail = models.JSONField(_("detail"), default=dict)
    struck_at = models.DateTimeField(_("struck out"), null=True)
    struck_by = models.CharField(_("struck out by"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("incident event")
        verbose_name_plural = _("incident log")
        ordering = ["pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.kind
