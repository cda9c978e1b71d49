"""What the rules found: ticks, instances, episodes and the events of an episode."""

import uuid

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.machine import ACTIVE, OPEN, Condition, Reason, Severity, State
from apps.alerts.models.rule import Direction, Rule
from apps.alerts.models.words import REASONS, SEVERITIES, STATES


class Tick(models.Model):
    """One evaluation. Whoever inserts the row evaluates; nobody evaluates the same tick again."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="ticks")
    tick = models.DateTimeField()
    evaluated_at = models.DateTimeField(db_default=Now())
    skipped = models.PositiveIntegerField(default=0)
    series = models.PositiveIntegerField(default=0)
    breaching = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "tick"], name="alerts_tick_once")]
        indexes = [models.Index(fields=["evaluated_at"], name="alerts_tick_age")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.tick:%Y-%m-%dT%H:%M:%SZ}"


class Episode(models.Model):
    """One run of an alert from pending to resolved. Outlives its rule."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.ForeignKey(
        Rule, null=True, on_delete=models.SET_NULL, related_name="episodes", verbose_name=_("rule")
    )
    rule_name = models.CharField(_("rule"), max_length=200)
    fingerprint = models.CharField(max_length=64)
    labels = models.JSONField(_("labels"), default=dict)
    metric = models.CharField(_("metric"), max_length=255)
    unit = models.CharField(_("unit"), max_length=63, blank=True)
    direction = models.CharField(_("direction"), max_length=5, choices=Direction.choices)
    state = models.CharField(_("state"), max_length=10, choices=STATES)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    value = models.FloatField(_("value"), null=True)
    peak = models.FloatField(_("worst value"), null=True)
    threshold = models.FloatField(_("threshold"), null=True)
    reason = models.CharField(
        _("because"), max_length=16, choices=REASONS,
        default=Reason.BREACH, db_default=str(Reason.BREACH),
    )  # fmt: skip
    # What the verdict rests on besides the value: a baseline with its band, a budget, a silence.
    facts = models.JSONField(
        _("facts"), default=dict, blank=True,
        db_default=models.Value({}, output_field=models.JSONField()),
    )  # fmt: skip
    started_at = models.DateTimeField(_("started"))
    fired_at = models.DateTimeField(_("fired"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("ended because"), max_length=16, choices=REASONS, blank=True)
    updated_at = models.DateTimeField(_("updated"))
    # "" for our own rules; else who told it, and where it is shown there.
    source = models.CharField(_("source"), max_length=64, blank=True, default="", db_default="")
    # What its sender says of it; our rules have their own.
    summary = models.TextField(_("summary"), blank=True, default="", db_default="")
    external_url = models.CharField(max_length=2000, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("episode")
        verbose_name_plural = _("episodes")
        ordering = ["-started_at", "-id"]
        constraints = [
            # Two live runs of one alert would page twice.
            models.UniqueConstraint(
                fields=["rule", "fingerprint"],
                condition=models.Q(state__in=[str(state) for state in ACTIVE]),
                name="alerts_episode_one_active",
            )
        ]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="alerts_episode_newest"),
            models.Index(
                fields=["-fired_at"],
                condition=models.Q(state__in=[str(state) for state in OPEN]),
                name="alerts_episode_open",
            ),
            models.Index(
                fields=["-started_at", "-id"],
                condition=models.Q(state__in=[str(state) for state in OPEN]),
                name="alerts_episode_open_newest",
            ),
            # `critical` comes before `warning`: see `apps.alerts.listing.WORST_FIRST`.
            models.Index(
                fields=["severity", "-started_at", "-id"],
                condition=models.Q(state__in=[str(state) for state in ACTIVE]),
                name="alerts_episode_worst",
            ),
            # The admin's list by severity reads and counts what is over, too.
            models.Index(fields=["severity", "-started_at", "-id"], name="alerts_episode_severity"),
            GinIndex(fields=["labels"], name="alerts_episode_labels", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return self.rule_name


class Instance(models.Model):
    """The state machine of one rule over one label set; its columns are `machine.Condition`."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="instances")
    fingerprint = models.CharField(max_length=64)
    labels = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=STATES)
    reason = models.CharField(max_length=16, choices=REASONS)
    active_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    observed_s = models.FloatField(default=0)
    keep_since = models.DateTimeField(null=True)
    missed = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=8, choices=SEVERITIES, blank=True)
    notified = models.CharField(max_length=8, choices=SEVERITIES, blank=True)
    value = models.FloatField(null=True)
    tick = models.DateTimeField()
    episode = models.ForeignKey(Episode, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "fingerprint"], name="alerts_instance_once")
        ]
        indexes = [
            models.Index(
                fields=["tick"],
                condition=models.Q(state__in=[str(State.INACTIVE), str(State.RESOLVED)]),
                name="alerts_instance_idle",
            ),
            models.Index(
                fields=["rule"],
                condition=models.Q(state__in=[str(state) for state in ACTIVE]),
                name="alerts_instance_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}/{self.fingerprint[:12]}"

    @property
    def condition(self) -> Condition:
        return Condition(
            state=State(self.state),
            reason=Reason(self.reason),
            active_at=self.active_at,
            seen_at=self.seen_at,
            observed_s=self.observed_s,
            keep_since=self.keep_since,
            missed=self.missed,
            severity=Severity(self.severity) if self.severity else None,
            notified=Severity(self.notified) if self.notified else None,
        )

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self.state = condition.state
        self.reason = condition.reason
        self.active_at = condition.active_at
        self.seen_at = condition.seen_at
        self.observed_s = condition.observed_s
        self.keep_since = condition.keep_since
        self.missed = condition.missed
        self.severity = condition.severity or ""
        self.notified = condition.notified or ""


class EpisodeEvent(models.Model):
    """One entry of an episode's timeline. Never edited."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(_("at"))
    kind = models.CharField(_("event"), max_length=32)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("episode event")
        verbose_name_plural = _("timeline")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.kind
