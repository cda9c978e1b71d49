"""The filters of the evidence lists, read from the address as the API reads them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework.serializers import ValidationError

from apps.core.errors import InvalidInputError
from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.api.searches import LONGEST_TEXT, TraceIdField

# Those a form shows; the others are listed above the rows.
_FIELDS = ("service", "level", "text", "failed", "least_ms", "most_ms", "of", "code")
_HIDDEN = ("trace", "request", "name", "route", "attr", "has")
_NAMES = ("from", "to", *_FIELDS, *_HIDDEN)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks a list for.

    `values` are validated, or, where `mistakes` names a field and its mend, what was typed.
    """

    values: dict[str, Any]
    mistakes: dict[str, str]


def read(query: QueryDict, parameters: type[RangeParameters]) -> Asked:
    """The filters among these parameters; others of the page are left alone.

    A form sends what nobody filled in as empty: that means "all". The range is the picker's to
    read. Never raises.
    """
    given = filled(query)
    reader = parameters(data=given)
    if reader.is_valid():
        return Asked(reader.validated_data, {})
    mistakes = {str(name): _first(told) for name, told in reader.errors.items()}
    return Asked({name: given.get(name, "") for name in _FIELDS}, mistakes)


def filled(query: QueryDict) -> QueryDict:
    """The filters that somebody filled in."""
    # NUL cannot be in a PostgreSQL text; nothing is found by it.
    kept = QueryDict(mutable=True)
    for name in _NAMES:
        texts = [text.replace("\0", "") for text in query.getlist(name)]
        if name == "text":
            texts = [text[:LONGEST_TEXT] for text in texts]
        if texts := [text for text in texts if text]:
            kept.setlist(name, texts)
    return kept


def _first(told: Any) -> str:
    while isinstance(told, dict | list) and told:
        told = next(iter(told.values())) if isinstance(told, dict) else told[0]
    return str(told)


def address(query: QueryDict, **changes: str) -> str:
    """The query string of the same list with some parameters changed; "" takes one away."""
    kept = [
        (name, text)
        for name in (*_NAMES, "plain")
        if name not in changes
        for text in query.getlist(name)
        if text
    ]
    return "?" + urlencode(kept + [(name, text) for name, text in changes.items() if text])


def chosen(query: QueryDict) -> list[tuple[str, str, str]]:
    """Name, value, and the address without it, of each filter that no form field shows."""
    found = []
    for name in _HIDDEN:
        values = filled(query).getlist(name)
        for value in values:
            left = query.copy()
            left.setlist(name, [other for other in values if other != value])
            shown = value.partition(":") if name == "attr" else (name, "", value)
            found.append((shown[0], shown[2], address(left)))
    return found


def kept(query: QueryDict) -> list[tuple[str, str]]:
    """The filters that no form field shows, for the form to send along."""
    given = filled(query)
    return [(name, value) for name in _HIDDEN for value in given.getlist(name)]


def trace_id(text: str) -> Any:
    """A trace id of 32 hexadecimal digits, as a UUID. Raises InvalidInputError."""
    try:
        return TraceIdField().run_validation(text[:64])
    except ValidationError:
        raise InvalidInputError(
            _("A trace id has 32 hexadecimal digits."), {"parameter": "trace"}
        ) from None
