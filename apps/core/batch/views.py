"""`POST /batch`."""

import threading
from typing import Any, ClassVar, Final

from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint
from apps.core.batch import inner, runner, shapes
from apps.core.errors import InvalidInputError, PortalError, UnavailableError
from apps.core.services.apikeys import KeyVerdict

LARGEST_BYTES: Final = 1024 * 1024
_at_once = threading.BoundedSemaphore(settings.PHAROS_BATCHES_AT_ONCE)


class TooLargeError(PortalError):
    """The batch is too large."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413


class IsKnown(BasePermission):
    """Any valid key, any member of staff: each call of the batch asks for its own rights."""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """False makes DRF answer 401 to the unknown and 403 to the known."""
        user = request.user
        known = isinstance(request.auth, KeyVerdict) or bool(user and user.is_staff)
        return known and bool(user.is_active)


class BatchView(Endpoint):
    """Up to 20 calls of this API at once.

    Each is made with the rights of the caller and costs what it costs alone. Neighbours that only
    read run side by side, changes one after another; one that fails does not stop the others.
    """

    permission_classes = [IsKnown]
    batchable = False
    deadline_s: ClassVar[float] = runner.DEADLINE_S

    @extend_schema(
        request=shapes.BatchSerializer,
        responses={
            200: shapes.BatchResultSerializer,
            **dict.fromkeys((400, 401, 403, 413, 429, 503), ErrorSerializer),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        """The results in order, each with a status of its own."""
        if inner.inside():
            raise InvalidInputError("A batch holds no batch.")
        declared = request.META.get("CONTENT_LENGTH") or ""
        if declared.isdigit() and int(declared) > LARGEST_BYTES:
            raise TooLargeError("The batch is too large.", {"limit_bytes": LARGEST_BYTES})
        items = shapes.read(request.data)
        if not _at_once.acquire(blocking=False):
            raise UnavailableError("Too many batches are under way.", retry_after_s=1)
        try:
            results = runner.run(items, request._request, deadline_s=self.deadline_s)
        finally:
            _at_once.release()
        told = zip(items, results, strict=True)
        return self.reply(
            {
                "items": [
                    {"id": item.id, "status": r.status, "headers": r.headers, "body": r.body}
                    for item, r in told
                ]
            }
        )
