"""What became of messages after their provider had taken them over."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.notification import Notification


class ReceiptState(models.TextChoices):
    """What a provider says of a message."""

    ON_ITS_WAY = "on_its_way", _("On its way")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    FAILED = "failed", _("Not delivered")
    # Said by us: the provider had its time and said nothing.
    MISSING = "missing", _("No receipt came")


class DeliveryReceipt(models.Model):
    """One word from a provider. Never edited."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="receipts"
    )
    at = models.DateTimeField(_("at"), db_default=Now())
    state = models.CharField(_("state"), max_length=10, choices=ReceiptState.choices)
    detail = models.CharField(_("detail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["pk"]
        constraints = [
            # A provider repeats its callbacks.
            models.UniqueConstraint(
                fields=["notification", "state", "detail"], name="alerts_receipt_once"
            )
        ]

    def __str__(self) -> str:
        return self.state


class AwaitedReceipt(models.Model):
    """A message whose provider has not said the last word yet. Its timers are these columns."""

    notification = models.OneToOneField(
        Notification, on_delete=models.CASCADE, primary_key=True, related_name="awaited_receipt"
    )
    provider_id = models.CharField(max_length=255)
    since = models.DateTimeField(db_default=Now())
    next_ask_at = models.DateTimeField()
    asked = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["next_ask_at"], name="alerts_receipt_due")]

    def __str__(self) -> str:
        return f"{self.notification_id}"
