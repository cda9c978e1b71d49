"""How people are reached: teams, contact methods, and the addresses of calendar feeds."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.machine import Severity
from apps.alerts.models.channel import Channel
from apps.alerts.models.schedule import Schedule, known_zone
from apps.alerts.models.words import SEVERITIES


class Team(models.Model):
    """People who are paged together."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("members"), blank=True, related_name="alert_teams"
    )
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        verbose_name=_("channel"), help_text=_("Told as well, whoever is a member."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class ContactMethod(models.Model):
    """One way to reach a person. In quiet hours it is used for critical alerts only."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contact_methods",
        verbose_name=_("person"),
    )  # fmt: skip
    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="contacts", verbose_name=_("channel")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    min_severity = models.CharField(
        _("from severity"), max_length=8, choices=SEVERITIES, default=Severity.WARNING.value
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[known_zone])
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("contact method")
        verbose_name_plural = _("contact methods")
        ordering = ["person", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "channel"], name="alerts_contact_once")
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.channel}"

    def clean(self) -> None:
        """Refuse half a pair of quiet hours."""
        super().clean()
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError(_("Quiet hours need a beginning and an end."))


class CalendarFeed(models.Model):
    """The secret address of a calendar: of a schedule, of a person, or of one person's part in one.

    The token itself is not kept; whoever lost it gets a new one.
    """

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    schedule = models.ForeignKey(
        Schedule, null=True, on_delete=models.CASCADE, related_name="feeds",
        verbose_name=_("schedule"),
    )  # fmt: skip
    # Whose shifts it shows, and who loses it with their account.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("last read"), null=True, editable=False)

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        constraints = [
            models.UniqueConstraint(fields=["schedule", "person"], name="alerts_feed_once"),
            models.UniqueConstraint(
                fields=["schedule"], condition=models.Q(person__isnull=True),
                name="alerts_feed_of_schedule_once",
            ),
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(schedule__isnull=True),
                name="alerts_feed_of_person_once",
            ),
            models.CheckConstraint(
                condition=models.Q(schedule__isnull=False) | models.Q(person__isnull=False),
                name="alerts_feed_of_something",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.schedule or self.person)
