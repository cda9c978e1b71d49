"""Times in which alerts wait."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.alerts.admin.base import column
from apps.alerts.admin.matcher_field import MatchersField
from apps.alerts.admin.weekdays_field import WeekdaysField
from apps.alerts.models import MuteWindow

if TYPE_CHECKING:
    _MuteWindowForm = forms.ModelForm[MuteWindow]
else:
    _MuteWindowForm = forms.ModelForm


class MuteWindowForm(_MuteWindowForm):
    """Days to tick, matchers as text."""

    stored_matchers = MatchersField(required=False)
    weekdays = WeekdaysField()

    class Meta:
        model = MuteWindow
        fields = "__all__"


@admin.register(MuteWindow)
class MuteWindowAdmin(ModelAdmin):  # type: ignore[misc]
    """Recurring wall times; the list says whether each is in force at this moment."""

    why_empty = _("In a mute window alerts wait, such as during the nightly backup.")
    form = MuteWindowForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "only_inside", "critical_too", "zone", "inside_until", "next_begin",
                    "enabled")  # fmt: skip
    list_filter = ("enabled", "only_inside")
    search_fields = ("name",)
    autocomplete_fields = ("routes",)
    fieldsets = (
        (None, {"fields": ("name", "only_inside", "critical_too", "enabled")}),
        (
            _("When"),
            {
                "fields": (
                    "zone", "weekdays", "from_time", "until_time", "first_day", "last_day",
                    "country", "holidays",
                )
            },
        ),
        (_("Which alerts"), {"fields": ("stored_matchers", "routes")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[MuteWindow]:
        """With the database's time, asked once for the list."""
        rows: QuerySet[MuteWindow] = super().get_queryset(request)
        return rows.annotate(now=Now())

    @column(description=_("Inside until"))
    def inside_until(self, row: Any) -> datetime | None:
        """When the window of this moment ends."""
        return cast(MuteWindow, row).times.end_of(row.now)

    @column(description=_("Begins"))
    def next_begin(self, row: Any) -> datetime | None:
        """When the next one begins."""
        return cast(MuteWindow, row).times.begins_after(row.now)
