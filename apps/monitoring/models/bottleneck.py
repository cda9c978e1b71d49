"""Bottlenecks as they are kept: what was found, how often, and what people decided."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.monitoring.bottlenecks.kinds import CAUSES, BottleneckKind, Cause


class Bottleneck(models.Model):
    """One cause of lost time of one route. Its figures are those of all time.

    `evidence` holds at most ten traces, the costliest first: trace_id, at, lost_us, duration_us and
    span_ids. `share` is the part of the route's requests that showed it when it was last seen.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        IGNORED = "ignored", _("ignored")
        RESOLVED = "resolved", _("resolved")

    fingerprint = models.CharField(_("fingerprint"), max_length=32, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=32, choices=BottleneckKind.choices)
    service = models.TextField(_("service"))
    route = models.TextField(_("route"))
    subject = models.TextField(_("subject"), blank=True)
    # The route's own key, for its requests in RouteMinute.
    route_key = models.CharField(max_length=32, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    state_since = models.DateTimeField(_("state since"), default=timezone.now)
    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"), db_index=True)
    requests = models.BigIntegerField(_("requests"), default=0)
    lost_us = models.BigIntegerField(_("time lost"), default=0)
    worst_us = models.BigIntegerField(_("worst loss"), default=0)
    share = models.FloatField(_("share of requests"), default=1.0)
    facts = models.JSONField(_("facts"), default=dict)
    evidence = models.JSONField(_("evidence"), default=list)

    class Meta:
        verbose_name = _("bottleneck")
        verbose_name_plural = _("bottlenecks")
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"{self.kind} {self.service} {self.route}"

    @property
    def cause(self) -> Cause:
        """Where the time goes."""
        return CAUSES[self.kind]


class Sighting(models.Model):
    """One bottleneck in the requests that began in one minute."""

    bottleneck = models.ForeignKey(Bottleneck, models.CASCADE, related_name="sightings")
    minute = models.DateTimeField(db_index=True)
    requests = models.BigIntegerField()
    lost_us = models.BigIntegerField()
    worst_us = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["bottleneck", "minute"], name="one_sighting_a_minute")
        ]

    def __str__(self) -> str:
        return f"{self.bottleneck_id} {self.minute}"


class RouteMinute(models.Model):
    """How many requests of one route were examined of one minute; without any nothing is gone."""

    route_key = models.CharField(max_length=32)
    minute = models.DateTimeField(db_index=True)
    requests = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["route_key", "minute"], name="one_route_a_minute")
        ]

    def __str__(self) -> str:
        return f"{self.route_key} {self.minute}"


class ExaminedMinute(models.Model):
    """A minute whose traces were looked at: how many there were, and the share that was read."""

    minute = models.DateTimeField(primary_key=True)
    traces = models.IntegerField()
    spans = models.IntegerField()
    share = models.FloatField()
    examined_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.minute)
