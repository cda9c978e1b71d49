"""Views that fail in every way, mounted beside the portal's own for test_api_errors.py."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import ConflictError, UnavailableError
from portal.urls import *  # noqa: F403
from portal.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401

FAILURES = {
    "conflict": ConflictError("It moved on.", {"state": "closed"}),
    "unavailable": UnavailableError("Away.", retry_after_s=2.2),
    "missing": Http404("secret internals"),
    "forbidden": PermissionDenied("secret internals"),
    "throttled": exceptions.Throttled(wait=7),
    "database": OperationalError('connection to "secret internals" failed'),
    "bug": ValueError("secret internals"),
    "suspicious": SuspiciousOperation("secret internals"),
}


class Fields(serializers.Serializer):
    name = serializers.CharField(max_length=3)


class Failing(APIView):
    required_scopes = {"GET": "read", "POST": "operate", "PUT": "ingest"}

    def get(self, request, kind=None):
        if kind:
            raise FAILURES[kind]
        return Response({"ok": True})

    def post(self, request, kind=None):
        fields = Fields(data=request.data)
        fields.is_valid(raise_exception=True)
        return Response({"ok": True})

    def put(self, request, kind=None):
        return Response({"ok": True})


class Permitted(APIView):
    required_permissions = {"GET": "core.view_apikey", "POST": ["core.add_apikey"]}

    def get(self, request):
        return Response({"ok": True})

    def post(self, request):
        return Response({"ok": True})


def page(request, kind):
    if kind == "ok":
        return HttpResponse("ok")
    raise FAILURES[kind]


urlpatterns = [
    path("failing", Failing.as_view()),
    path("failing/<str:kind>", Failing.as_view()),
    path("permitted", Permitted.as_view()),
    path("page/<str:kind>", page),
    *urlpatterns,
]
