"""What the store keeps, and what people decided about keeping."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api import shapes
from apps.core.api.cursors import Key
from apps.core.api.sources import Reader
from apps.core.api.views import Endpoint, ListEndpoint
from apps.monitoring.queries.retention import Day, retention


class KeptTableSerializer(serializers.Serializer[Any]):
    """One table of the store."""

    table = serializers.CharField()
    partitions = serializers.IntegerField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()
    rows = serializers.IntegerField(help_text="An estimate.")
    size_bytes = serializers.IntegerField()
    keep_h = serializers.IntegerField(
        allow_null=True, help_text="Hours; null where days move through tiers."
    )


class KeptDaySerializer(serializers.Serializer[Any]):
    """One day of spans or log lines."""

    signal = serializers.CharField(help_text="`spans` or `logs`.")
    day = serializers.DateField()
    tier = serializers.CharField(help_text="`hot`, `kept`, `compressed` or `archived`.")
    rows = serializers.IntegerField(allow_null=True)
    rows_before = serializers.IntegerField(
        allow_null=True, help_text="Spans there were before a policy thinned the day."
    )
    size_bytes = serializers.IntegerField()
    until = serializers.DateTimeField(help_text="When it moves to the next tier, or ends.")
    held = serializers.BooleanField(help_text="Whether a legal hold reaches into it.")


class KeepForecastSerializer(serializers.Serializer[Any]):
    """What a signal costs."""

    signal = serializers.CharField()
    day_bytes = serializers.IntegerField(allow_null=True, help_text="One day as it comes in.")
    steady_bytes = serializers.IntegerField(
        allow_null=True, help_text="All tiers together once each is full."
    )


class HoldSerializer(serializers.Serializer[Any]):
    """A legal hold that is active."""

    name = serializers.CharField()
    service = serializers.CharField(help_text="Empty: every service.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    reason = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class SamplingSerializer(serializers.Serializer[Any]):
    """A sampling policy."""

    name = serializers.CharField()
    enabled = serializers.BooleanField()
    hot_h = serializers.IntegerField()
    keep_days = serializers.IntegerField()
    share = serializers.FloatField()
    previewed_at = serializers.DateTimeField(allow_null=True)
    preview = serializers.JSONField(allow_null=True, help_text="Of the last 24 hours before it.")


class RetentionSerializer(serializers.Serializer[Any]):
    """All that is kept."""

    at = serializers.DateTimeField()
    database_bytes = serializers.IntegerField()
    archive_bytes = serializers.IntegerField()
    steady_bytes = serializers.IntegerField(allow_null=True)
    tables = KeptTableSerializer(many=True)
    days = KeptDaySerializer(many=True)
    forecasts = KeepForecastSerializer(many=True)
    holds = HoldSerializer(many=True)
    policies = SamplingSerializer(many=True)


class RetentionView(Endpoint):
    """What is kept where, how large it is and will be, holds and sampling policies."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_samplingpolicy"}
    answer_cache_s: ClassVar[int] = 30
    personal: ClassVar[bool] = False

    @extend_schema(responses=RetentionSerializer)
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 (DRF's signature)
        """Days newest first."""
        found = retention()
        return self.reply({
            "at": found.at, "database_bytes": found.database_bytes,
            "archive_bytes": found.archive_bytes, "steady_bytes": found.steady_bytes,
            "tables": _rows(KeptTableSerializer, found.tables),
            "days": _rows(KeptDaySerializer, found.days),
            "forecasts": _rows(KeepForecastSerializer, found.forecasts),
            "holds": _rows(HoldSerializer, found.holds),
            "policies": _rows(SamplingSerializer, found.policies),
        })  # fmt: skip


class RetentionDaysFilterSerializer(serializers.Serializer[Any]):
    """Which days."""

    signal = serializers.ChoiceField(choices=("spans", "logs"), required=False)


class RetentionDaysView(ListEndpoint):
    """Days of spans and log lines, newest first, with their tier and size."""

    parameters = RetentionDaysFilterSerializer
    item = KeptDaySerializer
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_samplingpolicy"}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[Day]:  # noqa: ARG002
        """At most some hundred days a signal."""
        wanted = asked.get("signal")
        days = [day for day in retention().days if not wanted or day.signal == wanted]

        def read(after: Key | None, limit: int) -> list[Day]:
            rest = days if after is None else [day for day in days if _key(day) < after]
            return rest[:limit]

        return Reader(read, _key)


def _key(day: Day) -> Key:
    return (day.day.isoformat(), day.signal, day.tier)


def _rows(item: shapes.ItemSerializer, rows: list[Any]) -> list[dict[str, Any]]:
    return [shapes.shape_of(item, row)(row) for row in rows]
