"""Status pages: what people outside are told, and nothing else."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.incident import Incident


class Health(models.TextChoices):
    """How a component is, best first."""

    OPERATIONAL = "operational", _("Operational")
    MAINTENANCE = "maintenance", _("Under maintenance")
    DEGRADED = "degraded", _("Degraded")
    PARTIAL = "partial", _("Partial outage")
    OUTAGE = "outage", _("Outage")


class Stage(models.TextChoices):
    """How far a notice has come."""

    SCHEDULED = "scheduled", _("Scheduled")
    INVESTIGATING = "investigating", _("Investigating")
    IDENTIFIED = "identified", _("Identified")
    MONITORING = "monitoring", _("Monitoring")
    RESOLVED = "resolved", _("Resolved")


class StatusPage(models.Model):
    """One page. A private one is seen by those who hold its token."""

    slug = models.SlugField(_("address"), max_length=64, unique=True)
    title = models.CharField(_("title"), max_length=200)
    intro = models.TextField(_("introduction"), blank=True, default="", max_length=2000)
    public = models.BooleanField(_("public"), default=False)
    # Keyed hash of the token: the page is read with it, never from it.
    token_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("status page")
        verbose_name_plural = _("status pages")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title


class StatusComponent(models.Model):
    """What readers know by name. Its state follows the alerts of its services, or notices only."""

    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="components")
    name = models.CharField(_("name"), max_length=200)
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0)
    services = ArrayField(
        models.CharField(max_length=600),
        verbose_name=_("services"),
        default=list,
        blank=True,
        size=50,
        help_text=_("Alerts of these services show here. Empty: only notices do."),
    )
    health = models.CharField(
        max_length=12, choices=Health.choices, default=Health.OPERATIONAL, editable=False
    )

    class Meta:
        verbose_name = _("component")
        verbose_name_plural = _("components")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class StatusSpan(models.Model):
    """From when to when a component was not operational; half-open, `ended_at` None while so."""

    component = models.ForeignKey(StatusComponent, on_delete=models.CASCADE, related_name="spans")
    health = models.CharField(max_length=12, choices=Health.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["component"],
                condition=models.Q(ended_at__isnull=True),
                name="alerts_status_span_one_open",
            )
        ]
        indexes = [models.Index(fields=["component", "started_at"], name="alerts_status_span")]

    def __str__(self) -> str:
        return f"{self.component_id} {self.health}"


class StatusNotice(models.Model):
    """Something readers are told about; what is said is in its updates."""

    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="notices")
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="notices"
    )
    title = models.CharField(_("title"), max_length=200)
    impact = models.CharField(
        _("impact"), max_length=12, choices=Health.choices, default=Health.DEGRADED
    )
    stage = models.CharField(
        _("stage"), max_length=13, choices=Stage.choices, default=Stage.INVESTIGATING
    )
    components = models.ManyToManyField(
        StatusComponent, verbose_name=_("components"), blank=True, related_name="notices"
    )
    starts_at = models.DateTimeField(_("starts"), db_default=Now())
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-starts_at", "-pk"]
        indexes = [models.Index(fields=["page", "-starts_at"], name="alerts_notice_newest")]

    def __str__(self) -> str:
        return self.title


class StatusUpdate(models.Model):
    """One published text. What was read cannot be unread: never edited."""

    notice = models.ForeignKey(StatusNotice, on_delete=models.CASCADE, related_name="updates")
    at = models.DateTimeField(_("at"), db_default=Now())
    stage = models.CharField(_("stage"), max_length=13, choices=Stage.choices)
    text = models.TextField(_("text"), max_length=4000)
    by = models.CharField(_("by"), max_length=200)

    class Meta:
        verbose_name = _("update")
        verbose_name_plural = _("updates")
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.notice_id} {self.stage}"
