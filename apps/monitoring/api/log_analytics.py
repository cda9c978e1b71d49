"""`GET /admin/logs/analytics`."""

from typing import Any, ClassVar, Final

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.openapi import ErrorSerializer
from apps.core.api.renderers import utc_text
from apps.core.api.views import Endpoint
from apps.core.charts.window import step_for
from apps.core.timerange import TimeRange
from apps.monitoring.api import ranges
from apps.monitoring.queries import loganalytics
from apps.monitoring.queries.loganalytics import NAMES, TemplateUse, Volume, Wish
from apps.monitoring.queries.logfilter import LEVELS

_MOST_POINTS_PX: Final = 600


class AnalyticsParameters(ranges.RangeParameters):
    """Of which lines, and how much of it."""

    service = serializers.CharField(
        default="", allow_blank=True, max_length=600, help_text="Its exact name."
    )
    level = serializers.ChoiceField(
        list(LEVELS), default="", allow_blank=True, help_text="This level and those above it."
    )
    top = serializers.IntegerField(
        default=20, min_value=1, max_value=100, help_text="How many templates."
    )


class VolumePointSerializer(serializers.Serializer[Any]):
    """One step. Levels nobody used are left out."""

    at = serializers.DateTimeField(help_text="Its beginning.")
    levels = serializers.DictField(child=serializers.IntegerField(), help_text="Lines by level.")


class ServiceVolumeSerializer(serializers.Serializer[Any]):
    """One service."""

    service = serializers.CharField()
    lines = serializers.IntegerField()
    error_lines = serializers.IntegerField(help_text="At error and above.")


class LogTemplateSerializer(serializers.Serializer[Any]):
    """Lines that are one sentence with different values."""

    id = serializers.IntegerField()
    service = serializers.CharField()
    level = serializers.CharField()
    text = serializers.CharField(help_text="`<*>` for values; empty for all that found no room.")
    sample = serializers.CharField(help_text="The line it was first seen in, cut to 500 letters.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    lines = serializers.IntegerField()
    estimated = serializers.BooleanField(help_text="Whether an even part of the lines was read.")
    search = serializers.CharField(help_text="`text` of a search that finds its lines.")


class LogAnalyticsSerializer(serializers.Serializer[Any]):
    """The lines of a range as a whole."""

    start = serializers.DateTimeField(help_text="Whole minutes.")
    end = serializers.DateTimeField()
    step_s = serializers.IntegerField()
    total = serializers.IntegerField()
    error_lines = serializers.IntegerField()
    error_rate = serializers.FloatField(allow_null=True, help_text="null without lines.")
    volume = VolumePointSerializer(many=True)
    services = ServiceVolumeSerializer(many=True)
    templates = LogTemplateSerializer(many=True)
    new = LogTemplateSerializer(many=True, help_text="First seen in the range, the worst first.")
    known_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when templates are known: what is older may look new."
    )

    def get_fields(self) -> dict[str, Any]:
        """`partial` is a word of DRF's."""
        told = "Whether minutes that are not rolled up yet could not be counted in time."
        return {**super().get_fields(), "partial": serializers.BooleanField(help_text=told)}


class LogAnalyticsView(Endpoint):
    """Volume, errors, templates and new templates of log lines."""

    required_permissions: ClassVar = {"GET": "monitoring.view_logrecord"}
    parameters = AnalyticsParameters

    @extend_schema(responses={200: LogAnalyticsSerializer, 400: ErrorSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Whole minutes; templates are up to about a minute behind, counts are not."""
        asked = self.asked(request)
        time_range = loganalytics.whole_minutes(ranges.time_range(asked))
        wish = Wish(asked["service"], asked["level"])
        return self.reply(analytics(time_range, wish, asked["top"]))


def step_of(time_range: TimeRange) -> int:
    """Seconds of one point: whole minutes."""
    return max(60, step_for(time_range.duration_s, _MOST_POINTS_PX))


def analytics(time_range: TimeRange, wish: Wish, top: int) -> dict[str, Any]:
    """JSON-ready."""
    step_s = step_of(time_range)
    found = loganalytics.volume(time_range, step_s, wish)
    since = loganalytics.known_since()
    return {
        "start": utc_text(time_range.start),
        "end": utc_text(time_range.end),
        "step_s": step_s,
        "total": found.total,
        "error_lines": found.errors,
        "error_rate": found.errors / found.total if found.total else None,
        "volume": _points(found),
        "services": [
            {"service": name, "lines": lines, "error_lines": errors}
            for name, lines, errors in loganalytics.services(found)
        ],
        "templates": [
            template_row(use) for use in loganalytics.templates(time_range, wish, limit=top)
        ],
        "new": [
            template_row(use)
            for use in loganalytics.templates(time_range, wish, new=True, limit=top)
        ],
        "known_since": None if since is None else utc_text(since),
        "partial": found.partial,
    }


def _points(found: Volume) -> list[dict[str, Any]]:
    points: dict[str, dict[str, int]] = {}
    for (at, level), n in sorted(found.by_step.items()):
        points.setdefault(utc_text(at), {})[NAMES[level] or "unset"] = n
    return [{"at": at, "levels": levels} for at, levels in points.items()]


def template_row(use: TemplateUse) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "id": use.id,
        "service": use.service,
        "level": use.level,
        "text": use.text,
        "sample": use.sample,
        "first_seen": utc_text(use.first_seen),
        "last_seen": utc_text(use.last_seen),
        "lines": use.n,
        "estimated": use.estimated,
        "search": use.search,
    }
