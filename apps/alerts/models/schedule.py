"""Who is on duty when: schedules with layers, overrides and swaps."""

import zoneinfo
from datetime import time
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

_LONGEST: Final = 366


def known_zone(value: str) -> None:
    """Raises ValidationError for what is no IANA time zone."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(
            _("%(zone)s is no time zone; write one as in Asia/Seoul."), params={"zone": value}
        ) from None


def known_country(value: str) -> None:
    """Raises ValidationError for a country whose holidays nobody knows."""
    import holidays

    country, _sep, part = value.partition("-")
    known = holidays.list_supported_countries()
    if country not in known or (part and part not in known[country]):
        raise ValidationError(
            _("%(code)s is no country with known holidays; write one as in KR or DE-BY."),
            params={"code": value},
        )


class Unit(models.TextChoices):
    """What the length of a shift is counted in."""

    HOURS = "hours", _("Hours")
    DAYS = "days", pgettext_lazy("length", "Days")
    WEEKS = "weeks", _("Weeks")


class OnHolidays(models.TextChoices):
    """What a layer does on the holidays of its schedule's country."""

    AS_EVER = "as_ever", _("On duty as on any day")
    OFF = "off", _("Off duty")
    ONLY = "only", _("On duty only then")


class SwapState(models.TextChoices):
    """Where a wish to swap stands."""

    ASKED = "asked", _("Asked")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Schedule(models.Model):
    """One on-call duty. At any instant at most one person has it."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    summary = models.TextField(_("summary"), blank=True, max_length=2000)
    zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[known_zone],
        help_text=_("An IANA name such as Asia/Seoul. Handoffs are wall times of this zone."),
    )  # fmt: skip
    country = models.CharField(
        _("holidays of"), max_length=16, blank=True, validators=[known_country],
        help_text=_("A country such as KR, or a part of one such as DE-BY."),
    )  # fmt: skip
    gaps_allowed = models.BooleanField(
        _("gaps are meant"), default=False,
        help_text=_("Without this, times at which nobody is on duty are refused."),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("on-call schedule")
        verbose_name_plural = _("on-call schedules")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


def _windows_problem(value: Any) -> None:
    from apps.alerts.oncall.rotation import Window

    try:
        for one in value:
            Window.read(one)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ValidationError(
            _(
                'Write a list such as [{"days": [0, 1, 2, 3, 4], "from": "09:00", "until": '
                '"18:00"}]; day 0 is Monday.'
            )
        ) from None


class Layer(models.Model):
    """A rotation of people. Where several layers are on duty, the highest priority is.

    A shift ends at the wall time of the next handoff, never a number of seconds after it began.
    """

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="layers", verbose_name=_("schedule")
    )
    name = models.CharField(_("name"), max_length=200)
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=0, help_text=_("The higher one covers the lower.")
    )
    zone = models.CharField(
        _("time zone"), max_length=64, blank=True, validators=[known_zone],
        help_text=_("Empty: that of the schedule."),
    )  # fmt: skip
    starts_on = models.DateField(
        _("first handoff on"), help_text=_("Weekly shifts change on the weekday of this date.")
    )
    ends_on = models.DateField(_("ends on"), null=True, blank=True)
    handoff = models.TimeField(_("handoff at"), default=time(9))
    every = models.PositiveSmallIntegerField(
        _("a shift lasts"), default=1,
        validators=[MinValueValidator(1), MaxValueValidator(_LONGEST)],
    )  # fmt: skip
    unit = models.CharField(_("unit"), max_length=5, choices=Unit.choices, default=Unit.WEEKS)
    windows = models.JSONField(
        _("only at"), default=list, blank=True, validators=[_windows_problem],
        help_text=_(
            'Times of the week at which the layer is on duty, such as [{"days": [0, 1, 2, 3, 4], '
            '"from": "09:00", "until": "18:00"}]; empty: always. Day 0 is Monday.'
        ),
    )  # fmt: skip
    on_holidays = models.CharField(
        _("on holidays"), max_length=7, choices=OnHolidays.choices, default=OnHolidays.AS_EVER
    )

    class Meta:
        verbose_name = _("layer")
        verbose_name_plural = _("layers")
        ordering = ["-priority", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(every__gte=1), name="alerts_layer_length")
        ]

    def __str__(self) -> str:
        return self.name


class LayerMember(models.Model):
    """One place in the rotation of a layer. A person may hold several."""

    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="places")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("place in a rotation")
        verbose_name_plural = _("places in a rotation")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.position}: {self.person}"


class Override(models.Model):
    """Somebody has the duty from one instant to another, whatever the layers say."""

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="overrides", verbose_name=_("schedule")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+",
        verbose_name=_("person"),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=500, blank=True)
    made_by = models.CharField(_("by"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("override")
        verbose_name_plural = _("overrides")
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="alerts_override_order"
            )
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="alerts_override_end")]

    def __str__(self) -> str:
        return f"{self.person}, {self.starts_at:%Y-%m-%d %H:%M} UTC"


class Swap(models.Model):
    """A wish of one person to hand over what is theirs in an interval. It counts once accepted."""

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="swaps", verbose_name=_("schedule")
    )
    asker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+",
        verbose_name=_("asked by"),
    )  # fmt: skip
    taker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", null=True,
        verbose_name=_("taken by"),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=500, blank=True)
    state = models.CharField(
        _("state"), max_length=9, choices=SwapState.choices, default=SwapState.ASKED
    )
    decided_at = models.DateTimeField(_("decided"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("swap")
        verbose_name_plural = _("swaps")
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="alerts_swap_order"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="accepted") | models.Q(taker__isnull=False),
                name="alerts_swap_taken",
            ),
        ]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="alerts_swap_end")]

    def __str__(self) -> str:
        return f"{self.asker}, {self.starts_at:%Y-%m-%d %H:%M} UTC"
