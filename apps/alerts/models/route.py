"""Who is told: receivers, and the tree of routes that leads to them."""

from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import matchers
from apps.alerts.matchers import Matcher
from apps.alerts.models.channel import Channel
from apps.core.errors import InvalidInputError

# Every label is a value of the group: no two alerts share one. Alertmanager's sign for it.
EVERY_LABEL: Final = "..."
_WEEK_S: Final = 7 * 86_400


class Receiver(models.Model):
    """Who is told: every channel at once, and the policy's people one level after another."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    channels = models.ManyToManyField(
        Channel, verbose_name=_("channels"), blank=True, related_name="receivers"
    )
    policy = models.ForeignKey(
        "alerts.EscalationPolicy", null=True, blank=True, on_delete=models.PROTECT,
        related_name="receivers", verbose_name=_("escalation policy"),
    )  # fmt: skip
    send_resolved = models.BooleanField(
        _("tell when it ends"),
        default=True,
        help_text=_("Whoever was told that an alert fires is told that it ended."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("receiver")
        verbose_name_plural = _("receivers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _matchers_problem(value: Any) -> None:
    try:
        matchers.from_json(value)
    except InvalidInputError as error:
        raise ValidationError(str(error)) from error


class Route(models.Model):
    """One node of the tree. What is None is inherited from the parent; the root has none.

    An alert goes to the first child that matches, and on to its next siblings only where
    `goes_on` says so; where no child matches, it stays here.
    """

    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children",
        verbose_name=_("parent"),
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=200)
    position = models.PositiveIntegerField(
        _("position"), default=100, help_text=_("Among its siblings; the lowest is asked first.")
    )
    stored_matchers = models.JSONField(
        _("matchers"), default=list, blank=True, validators=[_matchers_problem]
    )
    goes_on = models.BooleanField(
        _("goes on"),
        default=False,
        help_text=_("An alert that matched here is offered to the next siblings too."),
    )
    receiver = models.ForeignKey(
        Receiver, null=True, blank=True, on_delete=models.PROTECT, related_name="routes",
        verbose_name=_("receiver"),
    )  # fmt: skip
    group_by = ArrayField(
        models.CharField(max_length=255),
        verbose_name=_("one message per"),
        null=True,
        blank=True,
        size=16,
        help_text=_("Label names; alerts with equal values share their messages."),
    )
    group_wait_s = models.PositiveIntegerField(
        _("first wait (s)"), null=True, blank=True, validators=[MaxValueValidator(3600)]
    )
    group_interval_s = models.PositiveIntegerField(
        _("between messages (s)"), null=True, blank=True, validators=[MaxValueValidator(86_400)]
    )
    repeat_interval_s = models.PositiveIntegerField(
        _("repeat after (s)"), null=True, blank=True, validators=[MaxValueValidator(_WEEK_S)]
    )
    critical_at_once = models.BooleanField(
        _("critical at once"),
        null=True,
        blank=True,
        help_text=_("The first critical alert of a group does not wait for others."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["parent_id", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(parent__isnull=True),
                name="alerts_route_one_root",
            ),
            models.CheckConstraint(
                condition=models.Q(parent__isnull=True) | ~models.Q(parent=models.F("pk")),
                name="alerts_route_not_its_own_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could never work: cycles, routes no alert can come to, odd groupings."""
        from apps.alerts.routing import sanity

        super().clean()
        if found := sanity.problems(self):
            raise ValidationError({name: [text] for name, text in found.items()})

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What an alert has to fulfil to come in here. Raises InvalidInputError."""
        return matchers.from_json(self.stored_matchers)
