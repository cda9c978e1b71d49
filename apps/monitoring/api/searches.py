"""What may be asked of logs and traces: one reading for the API and for the pages."""

import re
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.monitoring.api.ranges import RangeParameters
from apps.monitoring.queries.logfilter import LEVELS, LogFilter
from apps.monitoring.queries.traces import OF, TraceFilter

LONGEST_TEXT: Final = 200
_LONGEST_NAME: Final = 600
_LONGEST_TEXT_NAME: Final = 1024
_MOST_ATTRS: Final = 5
_TRACE: Final = re.compile(r"[0-9a-fA-F]{32}")
_BIGGEST_MS: Final = 999_999_999


class TraceIdField(serializers.CharField):
    """A trace id of 32 hexadecimal digits, as a UUID."""

    default_error_messages = {"invalid": _("A trace id has 32 hexadecimal digits.")}

    def to_internal_value(self, data: Any) -> UUID:  # type: ignore[override]
        # Not by `max_length`: its validator would be given the UUID.
        text = super().to_internal_value(data)[:64].replace("-", "")
        if not _TRACE.fullmatch(text):
            self.fail("invalid")
        return UUID(hex=text)


class _Search(RangeParameters):
    service = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST_NAME, help_text="Its exact name."
    )
    text = serializers.CharField(
        default="", allow_blank=True, max_length=LONGEST_TEXT, trim_whitespace=False,
        help_text="What the text or name holds, in any case; no wildcards.",
    )  # fmt: skip
    trace = TraceIdField(required=False, help_text="32 hexadecimal digits.")
    after = serializers.CharField(
        required=False, max_length=80, help_text="The `id` of a row: only what lies before it."
    )


class LogParameters(_Search):
    """Filters of the log search; they all have to hold."""

    level = serializers.ChoiceField(
        list(LEVELS), default="", allow_blank=True, help_text="This level and those above it."
    )
    attr = serializers.ListField(
        child=serializers.CharField(max_length=1200), default=list, max_length=_MOST_ATTRS,
        help_text="`name:value` of an attribute; may be given several times.",
    )  # fmt: skip

    text = serializers.CharField(
        default="", allow_blank=True, max_length=LONGEST_TEXT, trim_whitespace=False,
        help_text='Words that all have to be there, in any case and also inside of others;'
        ' "phrases" in quotes; -without.',
    )  # fmt: skip
    request = serializers.CharField(
        default="", allow_blank=True, max_length=128, help_text="The id of one request."
    )

    def validate_attr(self, value: list[str]) -> list[tuple[str, str]]:
        """Pairs; a value may hold colons, a name cannot."""
        return [_pair(text) for text in value]


class TraceParameters(_Search):
    """Filters of the list of traces; they all have to hold of one span."""

    of = serializers.ChoiceField(
        list(OF), default=OF[0],
        help_text="Which spans are looked at: the first of each trace, also those with which a"
        " service was asked, or all.",
    )  # fmt: skip
    name = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST_TEXT_NAME, help_text="Its exact name."
    )
    route = serializers.CharField(
        default="", allow_blank=True, max_length=_LONGEST_TEXT_NAME,
        help_text="Its exact `http.route`.",
    )  # fmt: skip
    code = serializers.RegexField(
        r"^[1-5]([0-9]{2}|xx)$", default="", allow_blank=True,
        help_text="Its HTTP status, as 503 or 5xx.",
    )  # fmt: skip
    attr = serializers.ListField(
        child=serializers.CharField(max_length=1200), default=list, max_length=_MOST_ATTRS,
        help_text="`name:value` of an attribute; may be given several times.",
    )  # fmt: skip
    has = serializers.ListField(
        child=serializers.CharField(max_length=300), default=list, max_length=_MOST_ATTRS,
        help_text="The name of an attribute it has; may be given several times.",
    )  # fmt: skip
    most_ms = serializers.IntegerField(
        default=0, min_value=0, max_value=_BIGGEST_MS,
        help_text="Those that took no longer than this; 0 for no bound.",
    )  # fmt: skip
    failed = serializers.BooleanField(default=False, help_text="Only failed ones.")
    least_ms = serializers.IntegerField(
        default=0, min_value=0, max_value=_BIGGEST_MS, help_text="Those that took this long."
    )

    def validate_attr(self, value: list[str]) -> list[tuple[str, str]]:
        """Pairs; a value may hold colons, a name cannot."""
        return [_pair(text) for text in value]


def _pair(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise serializers.ValidationError(f"Write {text[:60]!r} as name:value.")
    return name, value


def log_filter(values: dict[str, Any]) -> LogFilter:
    """From validated parameters."""
    return LogFilter(
        service=values["service"],
        level=values["level"],
        text=values["text"],
        trace_id=values.get("trace"),
        attrs=tuple(values["attr"]),
        request_id=values["request"],
    )


def trace_filter(values: dict[str, Any]) -> TraceFilter:
    """From validated parameters."""
    return TraceFilter(
        service=values["service"],
        text=values["text"],
        failed=values["failed"],
        least_us=values["least_ms"] * 1000,
        trace_id=values.get("trace"),
        of=values["of"],
        name=values["name"],
        route=values["route"],
        most_us=values["most_ms"] * 1000,
        code=values["code"],
        attrs=tuple(values["attr"]),
        has=tuple(values["has"]),
    )
