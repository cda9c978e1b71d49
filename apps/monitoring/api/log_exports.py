"""`POST /admin/logs/export`, and the exports that were asked for."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core import caller
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.monitoring.api import ranges
from apps.monitoring.api.searches import LogParameters
from apps.monitoring.logexports import services
from apps.monitoring.models import LogExport

_RIGHT = "monitoring.export_logrecord"


class NewExportSerializer(LogParameters):
    """Which lines, as for the search, and in what form."""

    after = None  # type: ignore[assignment] # DRF's way to leave out what is inherited
    form = serializers.ChoiceField(LogExport.Form.choices, default="csv")


class ExportSerializer(serializers.Serializer[Any]):
    """One export."""

    id = serializers.UUIDField()
    owner = serializers.CharField()
    created_at = serializers.DateTimeField()
    state = serializers.ChoiceField(LogExport.State.choices)
    form = serializers.ChoiceField(LogExport.Form.choices)
    query = serializers.DictField(help_text="The filters.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    rows = serializers.IntegerField(help_text="Lines written so far.")
    file_bytes = serializers.IntegerField(help_text="Compressed.")
    truncated = serializers.BooleanField(help_text="Whether a limit ended it.")
    error = serializers.CharField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class ExportView(Endpoint):
    """Ask for an export."""

    required_permissions: ClassVar = {"POST": (_RIGHT, "monitoring.view_logrecord")}

    @extend_schema(
        request=NewExportSerializer,
        responses={202: ExportSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """The worker makes it: one at a time for each who asks; the file is kept for a day."""
        asked = NewExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        where = ranges.time_range(values)
        export = services.ask(caller.actor(), values["form"], _query(values), where)
        answer = self.reply(ExportSerializer(export).data, status=202)
        answer["Location"] = reverse("log-export", args=[export.pk])
        return answer


class ExportsView(ListEndpoint):
    """Exports, newest first: one's own."""

    required_permissions: ClassVar = {"GET": _RIGHT}
    item = ExportSerializer
    order: ClassVar[tuple[str, ...]] = ("-created_at", "-pk")

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[LogExport]:  # noqa: ARG002
        """A superuser sees all."""
        return services.visible(caller.actor(), everyone=_sees_all(request))


class OneExportView(Endpoint):
    """One export."""

    required_permissions: ClassVar = {"GET": _RIGHT, "DELETE": _RIGHT}

    @extend_schema(responses={200: ExportSerializer, 404: ErrorSerializer})
    def get(self, request: Request, export_id: UUID) -> HttpResponse:
        """How far it is."""
        return self.reply(ExportSerializer(_one(request, export_id)).data)

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, export_id: UUID) -> HttpResponse:
        """Cancel it, or delete its file."""
        services.cancel(_one(request, export_id), caller.actor())
        return HttpResponse(status=204)


class ExportFileView(Endpoint):
    """The file of one export."""

    required_permissions: ClassVar = {"GET": _RIGHT}

    @extend_schema(
        responses={
            (200, "application/gzip"): OpenApiTypes.BINARY,
            404: ErrorSerializer,
            409: ErrorSerializer,
        }
    )
    def get(self, request: Request, export_id: UUID) -> HttpResponseBase:
        """Compressed; each download is in the audit trail."""
        export = _one(request, export_id)
        path = services.fetch(export, caller.actor())
        name = f"pharos-logs-{export.created_at:%Y%m%dT%H%M%SZ}.{export.form}.gz"
        return FileResponse(
            path.open("rb"), as_attachment=True, filename=name, content_type="application/gzip"
        )


def _one(request: Request, export_id: UUID) -> LogExport:
    return services.one(export_id, caller.actor(), everyone=_sees_all(request))


def _sees_all(request: Request) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _query(values: dict[str, Any]) -> dict[str, Any]:
    """The filters that were given, JSON-ready."""
    trace = values.get("trace")
    asked = {
        **{name: values[name] for name in ("service", "level", "text", "request")},
        "trace": trace.hex if trace else "",
        "attr": [list(pair) for pair in values["attr"]],
    }
    return {name: value for name, value in asked.items() if value}
