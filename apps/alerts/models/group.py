"""Groups of alerts that share their messages, and what was decided about each alert."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models.episode import Episode
from apps.alerts.models.route import Receiver, Route
from apps.alerts.models.rule import Rule
from apps.alerts.models.words import SEVERITIES


class Enrolment(models.Model):
    """An episode that fired, rose or ended and has not been routed yet.

    Written in the transaction of that change, taken away in the one that routes it. A table that
    is only added to: evaluations never wait for one another here.
    """

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.episode_id}"


class AlertGroup(models.Model):
    """Alerts of one route, receiver and set of label values. Its timer is a column.

    `key` says who it is; the row is used again when its alerts come back. `flush_seq` counts the
    flushes, `life` how often it began anew. `next_flush_at` None: at rest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=64, unique=True)
    route = models.ForeignKey(
        Route, null=True, on_delete=models.SET_NULL, related_name="groups", verbose_name=_("route")
    )
    # A rule's own channels are a route of that rule, beside the tree.
    rule = models.ForeignKey(
        Rule, null=True, on_delete=models.SET_NULL, related_name="groups", verbose_name=_("rule")
    )
    receiver = models.ForeignKey(
        Receiver, null=True, on_delete=models.SET_NULL, related_name="groups",
        verbose_name=_("receiver"),
    )  # fmt: skip
    labels = models.JSONField(_("labels"), default=dict)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    life = models.PositiveIntegerField(default=1)
    flush_seq = models.PositiveIntegerField(_("flushes"), default=0)
    next_flush_at = models.DateTimeField(_("next flush"), null=True)
    last_flush_at = models.DateTimeField(_("last flush"), null=True)
    last_sent_at = models.DateTimeField(_("last message"), null=True)
    # This life of the group has had its first critical page.
    paged_at = models.DateTimeField(_("paged"), null=True)
    last_error = models.TextField(_("last error"), blank=True, db_default="")
    # Its flushes fail, and it owes what it could not say; None: the last one succeeded.
    failing_since = models.DateTimeField(_("failing since"), null=True)

    class Meta:
        verbose_name = _("alert group")
        verbose_name_plural = _("alert groups")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["next_flush_at"],
                condition=models.Q(next_flush_at__isnull=False),
                name="alerts_group_due",
            ),
            models.Index(
                fields=["failing_since"],
                condition=models.Q(failing_since__isnull=False),
                name="alerts_group_failing",
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in sorted(self.labels.items())) or "–"


class GroupMember(models.Model):
    """One episode in one group: the log of what was said of it, so that nothing is said twice.

    `told_at`: a message said that it fires. `cleared_at`: its end was taken into the log, told or
    not; from then on it is no part of what the receiver believes to be firing.
    """

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="members")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(_("joined"))
    told_at = models.DateTimeField(_("told"), null=True)
    told_severity = models.CharField(max_length=8, choices=SEVERITIES, blank=True, db_default="")
    # Ids of the channels that were told that it fires: they are told that it ended.
    told_channels = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    told_end_at = models.DateTimeField(_("told that it ended"), null=True)
    cleared_at = models.DateTimeField(null=True)
    # The flushes between which messages of the group told of this episode.
    told_seq = models.PositiveIntegerField(null=True)
    cleared_seq = models.PositiveIntegerField(null=True)
    # The last decision, so that only changes are written.
    verdict = models.CharField(max_length=255, blank=True, db_default="")

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["group", "episode"], name="alerts_member_once")
        ]
        indexes = [
            models.Index(
                fields=["group"],
                condition=models.Q(cleared_at__isnull=True),
                name="alerts_member_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.group_id}/{self.episode_id}"


class Verdict(models.TextChoices):
    """What became of an alert that was due."""

    NOTIFIED = "notified", _("Told")
    DIGESTED = "digested", _("Kept for a digest")
    SUPPRESSED = "suppressed", _("Held back")
    SKIPPED = "skipped", _("Not told")
    UNROUTED = "unrouted", _("Nobody to tell")
    FAILED = "failed", _("Could not be routed")


class Decision(models.Model):
    """Why somebody was, or was not, told of an episode. Written when that changes; never edited."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="decisions")
    group = models.ForeignKey(
        AlertGroup, null=True, on_delete=models.SET_NULL, related_name="decisions"
    )
    at = models.DateTimeField(_("at"))
    verdict = models.CharField(_("verdict"), max_length=16, choices=Verdict.choices)
    # One word of the code: first, new, raised, repeat, …; silenced, inhibited, …; no_receiver, …
    reason = models.CharField(_("reason"), max_length=32)
    by = models.CharField(_("by"), max_length=255, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"
