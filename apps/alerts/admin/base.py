"""What the alert pages share."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

_Column = TypeVar("_Column", bound=Callable[..., Any])


def column(**options: Any) -> Callable[[_Column], _Column]:
    """Unfold's `display`, with types."""
    typed: Callable[[_Column], _Column] = display(**options)
    return typed


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """A log: looked at, never edited."""

    show_full_result_count = False
    list_per_page = 50

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
