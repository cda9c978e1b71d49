"""Days of the week in forms: boxes to tick."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.alerts.models import Weekday


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Monday is 0; none ticked means every day."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", _("The days on which it begins. None: every day."))
        super().__init__(
            label=_("Weekdays"), choices=Weekday.choices, coerce=int, required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget, **options,
        )  # fmt: skip
