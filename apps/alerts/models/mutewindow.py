"""Times in which alerts wait, or the only times in which they page."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts import matchers
from apps.alerts.matchers import Matcher
from apps.alerts.models.route import Route
from apps.alerts.mutetimes import HolidayRule, Weekly, unknown_country
from apps.core.errors import InvalidInputError


class Weekday(models.IntegerChoices):
    """Days as Python counts them."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


HOLIDAY_RULES = [
    (HolidayRule.IGNORED.value, _("do not matter")),
    (HolidayRule.ALSO.value, _("count as such a day")),
    (HolidayRule.NEVER.value, _("never count as such a day")),
]


def _readable(value: Any) -> None:
    try:
        matchers.from_json(value)
    except InvalidInputError as error:
        raise ValidationError(str(error.words)) from error


def _known_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(_("There is no time zone %(name)s.") % {"name": value})


class MuteWindow(models.Model):
    """Recurring wall times of one zone, for alerts with these labels on these routes.

    Critical alerts page all the same unless `critical_too`.
    """

    name = models.CharField(_("name"), max_length=200)
    only_inside = models.BooleanField(
        _("page only inside"),
        default=False,
        help_text=_("Off: alerts wait inside the window. On: they wait outside of it."),
    )
    critical_too = models.BooleanField(
        _("critical alerts too"),
        default=False,
        help_text=_("Off: critical alerts page at any time."),
    )
    stored_matchers = models.JSONField(
        _("matchers"), default=list, blank=True, validators=[_readable],
        help_text=_("None: every alert."),
    )  # fmt: skip
    routes = models.ManyToManyField(
        Route, verbose_name=_("routes"), blank=True, related_name="mute_windows",
        help_text=_("None: every route."),
    )  # fmt: skip
    zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[_known_zone])
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday.choices),
        verbose_name=_("weekdays"), default=list, blank=True, size=7,
        help_text=_("The days on which it begins. None: every day."),
    )  # fmt: skip
    from_time = models.TimeField(_("from"), null=True, blank=True)
    until_time = models.TimeField(
        _("until"), null=True, blank=True,
        help_text=_("At or before its beginning: on the next day. Both empty: the whole day."),
    )  # fmt: skip
    first_day = models.DateField(_("first day"), null=True, blank=True)
    last_day = models.DateField(_("last day"), null=True, blank=True)
    country = models.CharField(_("holidays of"), max_length=6, blank=True, help_text="KR, DE-BY")
    holidays = models.CharField(
        _("holidays"), max_length=8, choices=HOLIDAY_RULES, default=HolidayRule.IGNORED.value
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("mute window")
        verbose_name_plural = _("mute windows")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse half a span of time, days in no order, and countries nobody knows."""
        super().clean()
        if (self.from_time is None) != (self.until_time is None):
            raise ValidationError({"until_time": _("Give both times, or none.")})
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValidationError({"last_day": _("The last day is before the first.")})
        if self.holidays != HolidayRule.IGNORED and not self.country:
            raise ValidationError({"country": _("Say of which country, as in KR or DE-BY.")})
        if self.country and unknown_country(self.country):
            raise ValidationError(
                {"country": _("The holidays of %(name)s are not known.") % {"name": self.country}}
            )

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What an alert has to fulfil to be concerned. Raises InvalidInputError."""
        return matchers.from_json(self.stored_matchers)

    @property
    def times(self) -> Weekly:
        """The times alone. Raises ZoneInfoNotFoundError for a zone that is no more."""
        return Weekly(
            zone=ZoneInfo(self.zone),
            weekdays=frozenset(self.weekdays),
            from_time=self.from_time,
            until_time=self.until_time,
            first_day=self.first_day,
            last_day=self.last_day,
            country=self.country,
            holidays=HolidayRule(self.holidays),
        )
