"""The audit trail: who changed what, when, from where."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One change. A trigger refuses every UPDATE, and every DELETE but that of the retention."""

    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    actor = models.CharField(_("actor"), max_length=255)
    action = models.CharField(_("action"), max_length=64)
    target = models.CharField(_("target"), max_length=255)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    request_id = models.CharField(_("request id"), max_length=128, blank=True, default="")
    remote_address = models.GenericIPAddressField(_("address"), null=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-at", "-id"]
        # All three serve keyset pages, newest first.
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["actor", "-at", "-id"], name="audit_by_actor"),
            models.Index(fields=["action", "-at", "-id"], name="audit_by_action"),
            models.Index(fields=["target", "-at", "-id"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"
