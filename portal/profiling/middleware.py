"""silk's middleware with two more rules: a profile is called by its trace, and holds no values."""

import json
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from silk.collector import DataCollector
from silk.middleware import SilkyMiddleware
from silk.models import Request

from apps.core.masking import mask, mask_text
from apps.monitoring.recorder import suppressed
from apps.monitoring.recorder.context import active
from apps.monitoring.recorder.fingerprint import statement


class ProfilingMiddleware(SilkyMiddleware):  # type: ignore[misc]
    """Innermost in MIDDLEWARE: what it sees is the view and what lies below."""

    def process_request(self, request: Any) -> None:
        """Begin a profile where the sampling says so, under the id of the trace."""
        span = active()
        # What silk stores of a request is not what the request does.
        with suppressed():
            super().process_request(request)
            if getattr(request, "silk_is_intercepted", False):
                _without_secrets(DataCollector().request)
                if span is not None and span.sampled:
                    _name(DataCollector().request, UUID(int=span.trace_id))

    def process_response(self, request: Any, response: Any) -> Any:
        """End the profile, with statements in place of the values in them."""
        if not getattr(request, "silk_is_intercepted", False):
            return response
        for query in DataCollector().queries.values():
            query["query"] = statement(query["query"]).text
        with suppressed():
            return super().process_response(request, response)


def _without_secrets(profile: Request) -> None:
    profile.body = profile.raw_body = ""
    if profile.query_params:
        profile.query_params = json.dumps(mask(json.loads(profile.query_params)))
    profile.path = mask_text(profile.path)


def _name(profile: Request, trace_id: UUID) -> None:
    """Call the profile by its trace; a second request of one trace keeps a name of its own."""
    try:
        with transaction.atomic():
            Request.objects.filter(pk=profile.pk).update(id=str(trace_id))
    except IntegrityError:
        return
    profile.id = str(trace_id)
