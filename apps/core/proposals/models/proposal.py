"""A change to someone's system that was not made yet, is being made, or was."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.proposals.canonical import Decoder
from apps.core.proposals.machine import BUSY, OPEN, WORKED
from apps.core.proposals.models.words import OUTCOMES, RISKS, STATES


def _values(choices: list[tuple[str, Any]]) -> list[str]:
    return [str(value) for value, _label in choices]


class Proposal(models.Model):
    """One change, from the evidence to the measured gain.

    What was proposed never changes: kind, target, plan, evidence, promise (a trigger holds them).
    All times are the database's. `predicted`, `before`, `after` and `gain` are None while unknown.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=64)
    target = models.CharField(_("target"), max_length=300)
    title = models.CharField(_("title"), max_length=300)
    evidence = models.JSONField(_("evidence"), default=list, decoder=Decoder)
    evidence_at = models.DateTimeField(_("evidence seen"), db_default=Now())
    predicted = models.JSONField(_("predicted gain"), null=True, decoder=Decoder)
    risk = models.CharField(_("risk"), max_length=6, choices=RISKS)
    plan = models.JSONField(_("plan"), decoder=Decoder)
    plan_hash = models.CharField(_("plan hash"), max_length=64)
    rollback_plan = models.JSONField(_("rollback plan"), decoder=Decoder)
    fingerprint = models.CharField(max_length=64)
    applied_fingerprint = models.CharField(max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=STATES, default="proposed")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(_("proposed by"), max_length=160)
    auto_rule = models.ForeignKey(
        "core.AutoApplyRule", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decision_reason = models.TextField(_("reason of the decision"), blank=True)
    cool_down_s = models.FloatField()
    created_at = models.DateTimeField(_("proposed"), db_default=Now())
    changed_at = models.DateTimeField(_("last change"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"))
    started_at = models.DateTimeField(_("started"), null=True)
    applied_at = models.DateTimeField(_("applied"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    before = models.JSONField(_("before"), null=True, decoder=Decoder)
    after = models.JSONField(_("after"), null=True, decoder=Decoder)
    gain = models.JSONField(_("measured gain"), null=True, decoder=Decoder)
    outcome = models.CharField(_("outcome"), max_length=16, choices=OUTCOMES, blank=True)
    failure = models.TextField(_("failure"), blank=True)
    # For the worker: when to look again (None: not before someone says so), and who does.
    next_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Runs of the present state that failed or whose worker was lost.
    attempts = models.PositiveIntegerField(_("failed runs"), default=0)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-created_at", "-id"]
        default_permissions = ("view",)
        permissions = [
            ("approve_proposal", "Can approve proposals"),
            ("reject_proposal", "Can reject proposals"),
            ("apply_proposal", "Can start approved proposals"),
            ("rollback_proposal", "Can roll back proposals and settle failed ones"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["target"],
                condition=models.Q(state__in=[str(state) for state in BUSY]),
                name="core_proposal_one_change_per_target",
            ),
            models.UniqueConstraint(
                fields=["kind", "target", "plan_hash"],
                condition=models.Q(state__in=[str(state) for state in OPEN]),
                name="core_proposal_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=_values(STATES)), name="core_proposal_state"
            ),
            models.CheckConstraint(
                condition=models.Q(risk__in=_values(RISKS)), name="core_proposal_risk"
            ),
            # Nothing is touched before the time it began and the way back are stored.
            models.CheckConstraint(
                condition=~models.Q(state__in=[str(state) for state in BUSY])
                | models.Q(started_at__isnull=False),
                name="core_proposal_started",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="core_proposal_newest"),
            models.Index(fields=["state", "-created_at", "-id"], name="core_proposal_by_state"),
            models.Index(fields=["target", "kind", "-ended_at"], name="core_proposal_by_target"),
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="core_proposal_due",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=[str(state) for state in OPEN]),
                name="core_proposal_expiring",
            ),
        ]

    def __str__(self) -> str:
        return self.title
