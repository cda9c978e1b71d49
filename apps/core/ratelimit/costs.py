"""What a request takes from the quota where it depends on what is asked for."""

from typing import Final

from django.http import HttpRequest

EXPORT: Final = 5
_FORMS: Final = ("csv", "ndjson", "text/*")


def of_list(request: HttpRequest) -> int:
    """A page is one request; an export reads up to a thousand times as much."""
    wanted = (request.GET.get("format") or request.META.get("HTTP_ACCEPT", "")).lower()
    # Of `text/*` there is nothing else to be had.
    return EXPORT if any(form in wanted for form in _FORMS) else 1
