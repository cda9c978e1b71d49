"""Who does what about an incident, what belongs to it, and what was learned from it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import LINKS, ROLES
from apps.alerts.models.incident import Incident


class IncidentRole(models.Model):
    """Who holds a role; one person for each role at a time."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(_("role"), max_length=16, choices=ROLES)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    since = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["incident", "role"], name="alerts_incident_role_once")
        ]

    def __str__(self) -> str:
        return self.role


class IncidentTask(models.Model):
    """Something to do: at once, or as a lesson afterwards."""

    class State(models.TextChoices):
        TODO = "todo", _("To do")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("Dropped")

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="tasks")
    text = models.CharField(_("task"), max_length=500)
    afterwards = models.BooleanField(_("afterwards"), default=False)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.TODO)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL,
        related_name="+", verbose_name=_("person"),
    )  # fmt: skip
    created_by = models.CharField(_("created by"), max_length=200)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("incident task")
        verbose_name_plural = _("incident tasks")
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.text


class IncidentLink(models.Model):
    """Evidence: a trace, log lines, a proposal, a chart, a page elsewhere."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(_("kind"), max_length=10, choices=LINKS)
    ref = models.CharField(_("what"), max_length=1000)
    title = models.CharField(_("title"), max_length=300, blank=True, default="")
    by = models.CharField(_("linked by"), max_length=200)
    at = models.DateTimeField(_("linked"), db_default=Now())

    class Meta:
        verbose_name = _("incident link")
        verbose_name_plural = _("incident links")
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "ref"], name="alerts_incident_link_once"
            )
        ]

    def __str__(self) -> str:
        return self.title or self.ref


class PostMortem(models.Model):
    """One version of what was learned, as Markdown. Every save is a new version."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="postmortems")
    version = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"))
    by = models.CharField(_("by"), max_length=200)
    at = models.DateTimeField(_("at"), db_default=Now())
    generated = models.BooleanField(_("generated"), default=False)

    class Meta:
        verbose_name = _("post-mortem")
        verbose_name_plural = _("post-mortems")
        ordering = ["-version"]
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "version"], name="alerts_postmortem_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} v{self.version}"
