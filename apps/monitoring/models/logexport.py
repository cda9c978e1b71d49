"""Exports of log lines: what somebody asked for, and how far it is."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class LogExport(models.Model):
    """One export. Its file lies in the portal's home and goes when it expires.

    `reached` is the id of the last line written and `file_bytes` where its part of the file ends:
    a worker that takes over cuts off what is behind and goes on after that line.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    class Form(models.TextChoices):
        CSV = "csv", "CSV"
        NDJSON = "ndjson", "NDJSON"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(_("owner"), max_length=255)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    form = models.CharField(_("form"), max_length=6, choices=Form)
    query = models.JSONField(_("filters"))
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"))
    rows = models.PositiveIntegerField(_("lines"), default=0)
    file_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    reached = models.CharField(max_length=64, blank=True, default="")
    truncated = models.BooleanField(_("truncated"), default=False)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")
    # Tries since the last line was written.
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("log export")
        verbose_name_plural = _("log exports")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(state__in=["queued", "running"]),
                name="logexport_one_at_a_time",
            )
        ]
        indexes = [models.Index(fields=["owner", "-created_at"], name="logexport_by_owner")]

    def __str__(self) -> str:
        return f"{self.owner} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def open(self) -> bool:
        """Whether it is still being made."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)
