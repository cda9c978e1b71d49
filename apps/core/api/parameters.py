"""The query parameters of an endpoint: a serializer says what there is, and nothing else passes."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from django.http import QueryDict
from rest_framework import serializers

from apps.core.api import cursors
from apps.core.errors import InvalidInputError

Parameters = type[serializers.Serializer[Any]]
LARGEST_PAGE: Final = 100
PAGE_SIZE: Final = 20
# What says how much of a list to send, and not which rows are in it.
PAGING: Final = frozenset({"page", "page_size", "cursor", "total", "format"})


class NoParameters(serializers.Serializer[Any]):
    """For endpoints that take none."""


class PageParameters(serializers.Serializer[Any]):
    """What every list takes."""

    page = serializers.IntegerField(
        min_value=1, max_value=10_000, required=False,
        help_text="From 1. For whatever lies deep use `cursor`.",
    )  # fmt: skip
    page_size = serializers.IntegerField(
        min_value=1, max_value=LARGEST_PAGE, default=PAGE_SIZE, help_text="Rows a page."
    )
    # Blank is a value: who passes an empty cursor on must not walk in a circle.
    cursor = serializers.CharField(
        max_length=cursors.LONGEST, required=False, allow_blank=True,
        help_text="`next_cursor` of the page before, with the same filters.",
    )  # fmt: skip
    total = serializers.ChoiceField(
        ["exact", "estimate"], required=False,
        help_text="Count the rows: exactly up to a limit, or as the planner estimates them.",
    )  # fmt: skip
    format = serializers.ChoiceField(
        ["json", "csv", "ndjson"], required=False,
        help_text="Instead of an Accept header. CSV and NDJSON hold all rows, not a page.",
    )  # fmt: skip


def read(parameters: Parameters, query: QueryDict) -> dict[str, Any]:
    """The validated values.

    Raises ValidationError, or InvalidInputError for a name that is unknown, or given twice where
    one value is taken.
    """
    reader = _reader(parameters)
    unknown = query.keys() - reader.fields.keys()
    if unknown:
        raise _refusal(sorted(unknown), sorted(reader.fields))
    twice = [name for name in query if len(query.getlist(name)) > 1 and _takes_one(reader, name)]
    if twice:
        raise InvalidInputError(
            f"Given more than once: {', '.join(twice)}. Each takes one value.",
            {"fields": {name: ["Given more than once."] for name in twice}},
        )
    values: dict[str, Any] = reader.run_validation(query)
    return values


@functools.cache
def _reader(parameters: Parameters) -> serializers.Serializer[Any]:
    # One instance for all requests: to copy every field for each of them costs more than the
    # validation. It holds no request, so a parameter cannot depend on who asks.
    return parameters()


def _takes_one(reader: serializers.Serializer[Any], name: str) -> bool:
    # Of several values such a field would read the last, and nobody would know.
    return type(reader.fields[name]).get_value is serializers.Field.get_value


def _refusal(unknown: list[str], known: list[str]) -> InvalidInputError:
    named = ", ".join(repr(name[:60]) for name in unknown[:5])
    there = f"There are: {', '.join(known)}." if known else "This address takes none."
    return InvalidInputError(
        f"Unknown query parameter: {named}. {there}",
        {"fields": {name[:60]: ["Unknown."] for name in unknown[:20]}, "known": known},
    )


def combined(filters: Parameters) -> Parameters:
    """The filters of a list together with what every list takes."""
    if issubclass(filters, PageParameters):
        return filters
    words: Mapping[str, Any] = {"__module__": filters.__module__, "__doc__": filters.__doc__}
    return type(filters.__name__, (filters, PageParameters), dict(words))
