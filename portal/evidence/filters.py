"""The filters of the evidence lists, read from the address as the API reads them."""

from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework.serializers import ValidationError

from apps.core.errors import InvalidInputError
from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.api.searches import LONGEST_TEXT, TraceIdField

_NAMES = ("from", "to", "service", "level", "text", "failed", "least_ms", "trace", "attr")


def read(query: QueryDict, parameters: type[RangeParameters]) -> dict[str, Any]:
    """The validated values of these parameters; others of the page are left alone.

    A form sends what nobody filled in as empty: that means "all". Raises InvalidInputError that
    names the mend.
    """
    reader = parameters(data=filled(query))
    if not reader.is_valid():
        name, told = next(iter(reader.errors.items()))
        raise InvalidInputError(f"`{name}`: {_first(told)}", {"parameter": str(name)})
    values: dict[str, Any] = reader.validated_data
    return values


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
    for name in ("trace", "attr"):
        values = filled(query).getlist(name)
        for value in values:
            left = query.copy()
            left.setlist(name, [other for other in values if other != value])
            shown = value.partition(":") if name == "attr" else (name, "", value)
            found.append((shown[0], shown[2], address(left)))
    return found


def trace_id(text: str) -> Any:
    """A trace id of 32 hexadecimal digits, as a UUID. Raises InvalidInputError."""
    try:
        return TraceIdField().run_validation(text[:64])
    except ValidationError:
        raise InvalidInputError(
            _("A trace id has 32 hexadecimal digits."), {"parameter": "trace"}
        ) from None
