"""What the alert pages share."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, Final, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin import helpers
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin, TabularInline, checkbox
from unfold.decorators import display
from unfold.utils import display_for_label

from apps.core.counted import Counted, counted
from apps.core.text import storable

# Pages of a log reach so deep, and beyond so many rows its count is written `10,000+`.
COUNTED: Final = 10_000
_PLACE: Final = "\ue000"
_Column = TypeVar("_Column", bound=Callable[..., Any])


def column(
    *, label: Mapping[str, str] | None = None, **options: Any
) -> Callable[[_Column], _Column]:
    """Unfold's `display`, with types. `label`: the colour of each word; a badge is made of it."""

    def decorated(shown: _Column) -> _Column:
        if label is not None:
            shown = _as_badge(shown, label)
        typed: Callable[[_Column], _Column] = display(**options)
        return typed(shown)

    return decorated


def _as_badge(shown: _Column, colours: Mapping[str, str]) -> _Column:
    @wraps(shown)
    def badge(*args: Any) -> SafeString:
        value = shown(*args)
        key, words = value if isinstance(value, tuple) else (value, value)
        return _badge(str(words), colours.get(key))

    return badge  # type: ignore[return-value]


@lru_cache(maxsize=1024)
def _badge(words: str, colour: str | None) -> SafeString:
    # A template for each cell of a list took a third of its time; there are but a few badges.
    made: SafeString = display_for_label((words, words), "", {words: colour})
    return made


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to a limit, and pages reach no deeper: the price of a list does not grow with it."""

    @cached_property
    def count(self) -> Counted:
        """How many rows there are; beyond the limit it is written with a plus."""
        return counted(self.object_list, COUNTED)  # type: ignore[arg-type]


class SoundJSONField(forms.JSONField):
    """JSON that PostgreSQL takes: escapes can write NUL and half a surrogate pair."""

    def to_python(self, value: Any) -> Any:
        """The value. Raises ValidationError."""
        found = super().to_python(value)
        text = json.dumps(found, ensure_ascii=False)
        if "\\u0000" in text or storable(text) != text:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return found

    def prepare_value(self, value: Any) -> Any:
        """What was typed, so that it can be shown at all."""
        text = super().prepare_value(value)
        return storable(text) if isinstance(text, str) else text


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """A log: looked at, never edited."""

    show_full_result_count = False
    # Each would count the whole log.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    paginator = BoundedPaginator

    @display(description=mark_safe(checkbox.render("action_toggle_all", 1)))  # type: ignore[untyped-decorator]  # noqa: S308 (no text of anybody's)
    def action_checkbox(self, obj: Any) -> SafeString:
        """Unfold's, its template rendered once and not for every row."""
        return mark_safe(_checkbox().replace(_PLACE, escape(str(obj.pk))))  # noqa: S308 (escaped)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody writes history."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody changes history."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody deletes history."""
        return False


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows of a log below their parent."""

    extra = 0
    # The columns say it all; the skin would name each row once more above them.
    hide_title = True
    can_delete = False
    show_change_link = False
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody writes history."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody changes history."""
        return False


class KnownChoices:
    """For forms in rows with fields to search in: each would ask for the words of its choice alone.

    The rows have to be read with `select_related` of those fields.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        form: Any = self
        for name, field in form.fields.items():
            known = form.instance._state.fields_cache.get(name)
            if known is not None and isinstance(field, forms.ModelChoiceField):
                choices: Any = field.widget.choices
                choices.queryset = _Known(choices.queryset, known)


class _Known:
    """Stands for the rows of a field of which one is known."""

    def __init__(self, rows: Any, known: Any) -> None:
        self._rows, self._known = rows, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def using(self, alias: Any) -> "_Known":
        """As a queryset's."""
        return _Known(self._rows.using(alias), self._known)

    def filter(self, **wanted: Any) -> Any:
        """Without asking where only the known one is wanted."""
        values = {str(one) for one in next(iter(wanted.values()), ())}
        return [self._known] if values == {str(self._known.pk)} else self._rows.filter(**wanted)


@lru_cache(maxsize=1)
def _checkbox() -> str:
    return str(checkbox.render(helpers.ACTION_CHECKBOX_NAME, _PLACE))


SEVERITY_LABELS = {"warning": "warning", "critical": "danger"}
STATE_LABELS = {
    "pending": "info",
    "firing": "danger",
    "recovering": "warning",
    "resolved": "success",
    "sending": "info",
    "sent": "success",
    "dead": "danger",
}
