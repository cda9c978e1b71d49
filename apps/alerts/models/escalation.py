"""Escalation: policies, their steps, and what runs of them."""

from datetime import time
from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.alerts.models.channel import Channel
from apps.alerts.models.episode import Episode
from apps.alerts.models.group import AlertGroup
from apps.alerts.models.people import Team
from apps.alerts.models.schedule import Schedule, known_zone
from apps.alerts.models.words import SEVERITIES

# As Grafana OnCall: a page nobody heard five times over is not heard the sixth time.
MOST_REPEATS: Final = 5
_DAY_S: Final = 86_400
# Not acknowledged in five minutes: the next level.
STEP_WAIT_S: Final = 300


class StepKind(models.TextChoices):
    """What a step does."""

    WAIT = "wait", _("Wait")
    USER = "user", _("Page a person")
    TEAM = "team", _("Page a team")
    SCHEDULE = "schedule", _("Page whoever is on call")
    CHANNEL = "channel", _("Tell a channel")
    WEBHOOK = "webhook", _("Call a webhook")
    TIME_RANGE = "time_range", _("Go on only at these times")
    MANY_ALERTS = "many_alerts", _("Go on only when there are many alerts")
    DECLARE = "declare", _("Declare an incident")
    REPEAT = "repeat", _("Begin again")
    RESOLVE = "resolve", _("End the escalation")


class EscalationPolicy(models.Model):
    """Whom to page, one level after another, until somebody acknowledges.

    `catch_all` is told when the steps are through and nobody has, so that no alert runs out.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    summary = models.TextField(_("summary"), blank=True, max_length=2000)
    catch_all = models.ForeignKey(
        Channel, on_delete=models.PROTECT, related_name="+", verbose_name=_("at the end tell"),
        help_text=_("Told when every step is through and nobody has acknowledged."),
    )  # fmt: skip
    # The rule that brought it along, which alone changes it and takes it away.
    owner = models.OneToOneField(
        "alerts.Rule", null=True, blank=True, on_delete=models.SET_NULL, editable=False,
        related_name="own_policy", verbose_name=_("rule"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("escalation policy")
        verbose_name_plural = _("escalation policies")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class EscalationStep(models.Model):
    """One step of a policy; which columns count depends on its kind."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kind = models.CharField(_("kind"), max_length=11, choices=StepKind.choices)
    wait_s = models.PositiveIntegerField(
        _("then wait (s)"), default=STEP_WAIT_S, validators=[MaxValueValidator(_DAY_S)],
        help_text=_("How long somebody has to acknowledge before the next step."),
    )  # fmt: skip
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT,
        related_name="+", verbose_name=_("person"),
    )  # fmt: skip
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        verbose_name=_("team"),
    )  # fmt: skip
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        verbose_name=_("schedule"),
    )  # fmt: skip
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        verbose_name=_("channel"),
    )  # fmt: skip
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MaxValueValidator(6)]),
        verbose_name=_("on weekdays"), default=list, blank=True, size=7,
        help_text=_("0 is Monday, 6 is Sunday; empty: every day."),
    )  # fmt: skip
    from_time = models.TimeField(_("from"), default=time(0))
    until_time = models.TimeField(_("until"), default=time(0))
    zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[known_zone])
    more_than = models.PositiveIntegerField(_("more than (alerts)"), default=0)
    within_s = models.PositiveIntegerField(
        _("within (s)"), default=STEP_WAIT_S, validators=[MaxValueValidator(_DAY_S)]
    )
    repeats = models.PositiveSmallIntegerField(
        _("times"), default=1, validators=[MaxValueValidator(MOST_REPEATS)]
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        from apps.alerts.escalation.plan import step_of
        from apps.alerts.escalation.sentences import sentence

        return sentence(step_of(self))


class EscalationState(models.TextChoices):
    """Where an escalation stands."""

    RUNNING = "running", _("Running")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")
    ENDED = "ended", _("Ended by a step")
    EXHAUSTED = "exhausted", _("Nobody acknowledged")


class MemberState(models.TextChoices):
    """Where an episode stands in an escalation."""

    OPEN = "open", pgettext_lazy("state", "Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")


class Escalation(models.Model):
    """A policy at work for a group of alerts.

    `plan` is the policy as it was at the start: edits do not change what runs. `round` counts
    starts from the top (a rise in severity, an acknowledgement that ended): each pages anew.
    """

    policy = models.ForeignKey(
        EscalationPolicy, null=True, on_delete=models.SET_NULL, related_name="escalations",
        verbose_name=_("policy"),
    )  # fmt: skip
    policy_name = models.CharField(_("policy"), max_length=200)
    plan = models.JSONField(_("plan"))
    group = models.ForeignKey(
        AlertGroup, null=True, on_delete=models.SET_NULL, related_name="escalations",
        verbose_name=_("group"),
    )  # fmt: skip
    state = models.CharField(
        _("state"), max_length=12, choices=EscalationState.choices, default=EscalationState.RUNNING
    )
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    step = models.PositiveSmallIntegerField(_("next step"), default=0)
    repeat_no = models.PositiveSmallIntegerField(_("repeats"), default=0)
    round = models.PositiveIntegerField(_("round"), default=0)
    version = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveSmallIntegerField(default=0)
    # When the step is due; null unless running.
    next_at = models.DateTimeField(_("next step at"), null=True)
    # Set while every alert of it is suppressed: it goes on at the same step afterwards.
    paused_since = models.DateTimeField(_("paused since"), null=True)
    paused_by = models.CharField(_("paused by"), max_length=500, blank=True)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        ordering = ["-pk"]
        constraints = [
            # Two of them would page twice. One that was acknowledged is taken up again.
            models.UniqueConstraint(
                fields=["policy", "group"],
                condition=models.Q(state__in=["running", "acknowledged", "exhausted"]),
                name="alerts_escalation_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state="running", next_at__isnull=False)
                | (~models.Q(state="running") & models.Q(next_at__isnull=True)),
                name="alerts_escalation_timer",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["next_at"], condition=models.Q(state="running"),
                name="alerts_escalation_due",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.policy_name} #{self.pk}"


class EscalationMember(models.Model):
    """One episode an escalation is about."""

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="members")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="escalations")
    state = models.CharField(
        _("state"), max_length=12, choices=MemberState.choices, default=MemberState.OPEN
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("alert of an escalation")
        verbose_name_plural = _("alerts of an escalation")
        constraints = [
            models.UniqueConstraint(fields=["escalation", "episode"], name="alerts_escalated_once")
        ]

    def __str__(self) -> str:
        return f"{self.escalation_id}/{self.episode_id}"


class PolicyFault(models.Model):
    """A step that reached nobody, open until it would reach somebody again."""

    policy = models.ForeignKey(
        EscalationPolicy, null=True, on_delete=models.SET_NULL, related_name="faults",
        verbose_name=_("policy"),
    )  # fmt: skip
    policy_name = models.CharField(_("policy"), max_length=200)
    step = models.JSONField(_("step"))
    # What of: "schedule 3". One open fault for each.
    target = models.CharField(_("target"), max_length=200)
    reason = models.CharField(_("reason"), max_length=500)
    episode = models.ForeignKey(Episode, null=True, on_delete=models.SET_NULL, related_name="+")
    since = models.DateTimeField(_("since"), db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("policy fault")
        verbose_name_plural = _("policy faults")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["target"], condition=models.Q(ended_at__isnull=True),
                name="alerts_fault_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.policy_name}: {self.reason}"
