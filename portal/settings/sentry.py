"""What Sentry is told of the portal's own errors: where it broke, and no secret.

Stack frames hold keys, DSNs and passwords as local variables, and bodies hold what people typed:
both stay here. Texts are masked as those of the log are.
"""

from typing import Any

from apps.core import request_id
from apps.core.masking import mask_text
from apps.monitoring.recorder import context
from portal.settings.environment import URL as PUBLIC_URL


def masked(event: Any, _hint: Any) -> Any:
    """The event with its texts masked."""
    for error in (event.get("exception") or {}).get("values") or ():
        error["value"] = mask_text(str(error.get("value") or ""))
    told = event.get("logentry") or {}
    for name in ("message", "formatted"):
        if told.get(name):
            told[name] = mask_text(str(told[name]))
    if told.get("params"):
        told["params"] = []
    return _placed(event)


def _placed(event: Any) -> Any:
    """The event with the request and the trace it belongs to, and where the trace is shown."""
    tags = event["tags"] = dict(event.get("tags") or {})
    bound = request_id.current()
    if bound is not None:
        tags["request_id"] = bound
    span = context.active()
    if span is not None:
        trace_id = f"{span.trace_id:032x}"
        tags["trace_id"] = trace_id
        extra = event["extra"] = dict(event.get("extra") or {})
        extra["pharos"] = f"{PUBLIC_URL.rstrip('/')}/admin/traces/{trace_id}/"
    return event


OPTIONS: dict[str, Any] = {
    "include_local_variables": False,
    "max_request_body_size": "never",
    # The log lines and statements before the error.
    "max_breadcrumbs": 0,
    "before_send": masked,
}
