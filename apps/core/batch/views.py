"""`POST /batch`."""

import threading
from typing import ClassVar, Final

from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.api.views import Endpoint
from apps.core.batch import inner, runner, shapes
from apps.core.errors import InvalidInputError, PortalError, UnavailableError

LARGEST_BYTES: Final = 1024 * 1024
_at_once = threading.BoundedSemaphore(settings.PHAROS_BATCHES_AT_ONCE)


class TooLargeError(PortalError):
    """The batch is too large."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413


class BatchView(Endpoint):
    """Up to 20 calls of this API at once.

    Each is made with the rights of the caller and costs what it costs alone. Neighbours that only
    read run side by side, changes one after another; one that fails does not stop the others.
    """

    # What changes something asks for `operate` itself.
    required_scopes: ClassVar = {"POST": "read"}
    batchable = False
    deadline_s: ClassVar[float] = runner.DEADLINE_S

    @extend_schema(request=shapes.BatchSerializer, responses={200: shapes.BatchResultSerializer})
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
