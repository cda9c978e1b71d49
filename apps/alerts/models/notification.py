"""The outbox: messages owed, committed together with the state change they tell of."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.conf import ATTEMPTS
from apps.alerts.models.channel import Channel, channel_kinds
from apps.alerts.models.episode import Episode
from apps.alerts.models.words import SEVERITIES


class Purpose(models.TextChoices):
    """What a message says."""

    FIRING = "firing", _("Firing")
    RESOLVED = "resolved", _("Resolved")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    ESCALATION = "escalation", _("Escalation")
    DIGEST = "digest", _("Digest")
    FLAPPING = "flapping", _("Flapping")
    INCIDENT = "incident", _("Incident")
    TEST = "test", _("Test")
    HEARTBEAT = "heartbeat", _("Heartbeat")


class OutboxState(models.TextChoices):
    """Where a message stands."""

    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    DEAD = "dead", _("Given up")


class Outcome(models.TextChoices):
    """What became of one attempt."""

    OK = "ok", _("Accepted")
    TRANSIENT = "transient", _("Failed for now")
    PERMANENT = "permanent", _("Refused")
    UNKNOWN = "unknown", _("Unknown")


class Notification(models.Model):
    """One message to one channel.

    `may_repeat`: an earlier attempt may have arrived (its worker died, or the answer never came).
    """

    key = models.CharField(_("idempotency key"), max_length=64, unique=True)
    episode = models.ForeignKey(
        Episode, null=True, on_delete=models.CASCADE, related_name="notifications"
    )
    channel = models.ForeignKey(
        Channel, null=True, on_delete=models.SET_NULL, related_name="notifications"
    )
    # A message of a group tells of all its alerts; `episode` is then the one at its head.
    group = models.ForeignKey(
        "alerts.AlertGroup", null=True, on_delete=models.SET_NULL, related_name="notifications"
    )
    # What a message about an incident tells of; such rows have neither episode nor group.
    incident = models.ForeignKey(
        "alerts.Incident", null=True, on_delete=models.SET_NULL, related_name="notifications",
        db_index=False, verbose_name=_("incident"),
    )  # fmt: skip
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    escalation_id = models.BigIntegerField(_("escalation"), null=True)
    fallback_of = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="fallbacks",
        verbose_name=_("instead of"),
    )  # fmt: skip
    # Why it was sent: first, new, raised, repeat, …
    reason = models.CharField(_("reason"), max_length=32, blank=True, db_default="")
    kind = models.CharField(_("kind"), max_length=16, choices=channel_kinds)
    purpose = models.CharField(_("message"), max_length=16, choices=Purpose.choices)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES, blank=True)
    # 0 leaves first.
    priority = models.PositiveSmallIntegerField(default=1)
    payload = models.JSONField(_("content"))
    state = models.CharField(
        _("state"), max_length=8, choices=OutboxState.choices, default=OutboxState.PENDING
    )
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    attempts_allowed = models.PositiveIntegerField(default=ATTEMPTS)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    may_repeat = models.BooleanField(_("may repeat"), default=False)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices, blank=True)
    error = models.TextField(_("error"), blank=True)
    # What the provider calls the message: threads and receipts refer to it.
    provider_id = models.CharField(
        _("provider's id"), max_length=255, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="alerts_notification_newest"),
            models.Index(
                fields=["kind"], condition=models.Q(state="dead"), name="alerts_notification_dead"
            ),
            models.Index(
                fields=["kind", "priority", "next_attempt_at"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="alerts_notification_due",
            ),
            models.Index(
                fields=["episode", "channel"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="alerts_notification_order",
            ),
            models.Index(
                fields=["group", "channel"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="alerts_notification_turn",
            ),
            models.Index(
                fields=["incident", "channel"],
                condition=models.Q(incident__isnull=False),
                name="alerts_notification_incident",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.key[:12]}"


class Attempt(models.Model):
    """One try to hand a message over. Without an outcome its worker died or lost the database."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="attempts"
    )
    number = models.PositiveIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started"), db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices, blank=True)
    status_code = models.PositiveIntegerField(_("status code"), null=True)
    error = models.TextField(_("error"), blank=True)
    may_repeat = models.BooleanField(_("may repeat"), default=False)
    worker = models.CharField(_("worker"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "number"], name="alerts_attempt_once")
        ]

    def __str__(self) -> str:
        return f"#{self.number}"
