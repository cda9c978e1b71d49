"""Matchers in forms: typed as in Alertmanager, one a line or separated by commas."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.alerts.matchers import from_json, parse
from apps.core.errors import InvalidInputError


class MatchersField(forms.CharField):
    """Shows and takes matchers as text; `cleaned_data` holds them as they are stored."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Matchers"))
        options.setdefault(
            "help_text",
            _(
                'One a line, and all must hold: service.name="shop", severity=~"warning|critical".'
                " != and !~ are known as well; a pattern matches the whole value. alertname,"
                " severity, metric and source are known beside an alert's own labels."
            ),
        )
        options.setdefault(
            "widget", UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        )
        super().__init__(max_length=20_000, **options)

    def prepare_value(self, value: Any) -> Any:
        """Stored matchers as text; what was typed as it is."""
        if not isinstance(value, list):
            return value
        try:
            return "\n".join(str(one) for one in from_json(value))
        except InvalidInputError:
            return ""

    def to_python(self, value: Any) -> Any:
        """The matchers as they are stored. Raises ValidationError naming what cannot be read."""
        text = super().to_python(value) or ""
        try:
            return [one.as_json() for line in text.splitlines() for one in parse(line)]
        except InvalidInputError as error:
            raise ValidationError(str(error.words)) from error

    def validate(self, value: Any) -> None:
        """None where some are asked for is told as such."""
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """The length was a matter of the text; the model has validators of its own."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other matchers are meant, however they are typed."""
        try:
            return bool((initial or []) != self.to_python(data))
        except ValidationError:
            return True


def texts(stored: Iterable[dict[str, str]]) -> list[str]:
    """Stored matchers as typed, for a service."""
    return [str(one) for one in from_json(list(stored))]
