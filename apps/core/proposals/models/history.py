"""What belongs to one proposal: approvals, the journal of its steps, its history."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.proposals.canonical import Decoder
from apps.core.proposals.models.proposal import Proposal


class Approval(models.Model):
    """One person's word for one exact plan."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="approvals")
    # None once the account is deleted: such an approval no longer counts.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    username = models.CharField(_("approved by"), max_length=150)
    plan_hash = models.CharField(_("plan hash"), max_length=64)
    reason = models.TextField(_("reason"), blank=True)
    at = models.DateTimeField(_("approved"), db_default=Now())

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["at", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["proposal", "user"], name="core_approval_once")
        ]

    def __str__(self) -> str:
        return self.username


class StepMark(models.TextChoices):
    """What the journal knows of a step; the target itself knows better."""

    WAITING = "waiting", _("Not begun")
    STARTED = "started", _("Begun")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class ProposalStep(models.Model):
    """The journal: the intent is committed before the effect, its end after it."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    name = models.CharField(_("step"), max_length=300)
    do = models.JSONField(decoder=Decoder)
    undo = models.JSONField(decoder=Decoder)
    mark = models.CharField(
        _("state"), max_length=8, choices=StepMark.choices, default=StepMark.WAITING
    )
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["proposal", "number"], name="core_proposal_step_once")
        ]

    def __str__(self) -> str:
        return self.name


class ProposalEvent(models.Model):
    """One line of the history; never changed and never deleted (a trigger holds it)."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(db_default=Now())
    move = models.CharField(max_length=16)
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12)
    actor = models.CharField(max_length=160)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.move} {self.after}"
