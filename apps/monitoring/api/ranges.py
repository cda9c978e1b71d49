"""The time range every search takes."""

from typing import Any

from rest_framework import serializers

from apps.core.timerange import TimeRange


class RangeParameters(serializers.Serializer[Any]):
    """`from` and `to`."""

    to = serializers.CharField(default="now", max_length=64, help_text="As `from`; not included.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it cannot be an attribute."""
        fields = super().get_fields()
        fields["from"] = serializers.CharField(
            default="now-1h", max_length=64,
            help_text="now-6h, now-1d/d, an ISO 8601 time or milliseconds since 1970.",
        )  # fmt: skip
        return fields


def time_range(values: dict[str, Any]) -> TimeRange:
    """The range of validated parameters. Raises InvalidInputError that names the mend."""
    return TimeRange.parse(values["from"], values["to"])
