"""What Sentry is told of the portal's own errors: where it broke, and no secret.

Stack frames hold keys, DSNs and passwords as local variables, and bodies hold what people typed:
both stay here. Texts are masked as those of the log are.
"""

from typing import Any

from apps.core.masking import mask_text


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
    return event


OPTIONS: dict[str, Any] = {
    "include_local_variables": False,
    "max_request_body_size": "never",
    # The log lines and statements before the error.
    "max_breadcrumbs": 0,
    "before_send": masked,
}
