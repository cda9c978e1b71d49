"""`where`: conditions on labels, the same in every address that takes them."""

from typing import Any

from rest_framework import serializers

from apps.core.errors import InvalidInputError
from apps.monitoring.queries import filters
from apps.monitoring.queries.filters import Filter


def where_field() -> "serializers.ListField":
    """The parameter."""
    return serializers.ListField(
        child=serializers.CharField(max_length=1300), default=list, max_length=filters.MOST,
        help_text="`label=value`, `label!=value`, `label=~pattern` or `label!~pattern`; may be "
        "given several times. A pattern matches the whole value; an absent label is empty.",
    )  # fmt: skip


def parsed(texts: list[str]) -> tuple[Filter, ...]:
    """The conditions, in one order. Raises ValidationError."""
    try:
        return tuple(sorted({Filter.parse(text) for text in texts if text}))
    except InvalidInputError as error:
        raise serializers.ValidationError(str(error.words)) from None


class MetricParameters(serializers.Serializer[Any]):
    """Which metric, and which of its series."""

    name = serializers.CharField(max_length=600, help_text="The name of the metric.")
    where = where_field()

    def validate_where(self, value: list[str]) -> tuple[Filter, ...]:
        """Conditions."""
        return parsed(value)
