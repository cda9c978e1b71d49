"""Labels as attributes, and exemplars in the shape the store keeps."""

import math
from collections.abc import Mapping
from typing import Any, Final

from apps.monitoring.intake import limits

# Labels that lead to a trace, as the client libraries write them.
_TRACE: Final = ("trace_id", "traceID", "traceId")
_SPAN: Final = ("span_id", "spanID", "spanId")


def attributes(labels: Mapping[str, str], of_target: Mapping[str, str]) -> dict[str, str]:
    """Labels of a series and of its target; a clash keeps both, as Prometheus does."""
    found = {_cut(k, limits.KEY_BYTES): _cut(v, limits.VALUE_BYTES) for k, v in labels.items() if v}
    for name, value in of_target.items():
        if name in found:
            found[f"exported_{name}"] = found[name]
        found[name] = value
    return found


def _cut(text: str, limit_bytes: int) -> str:
    if len(text) * 4 <= limit_bytes:
        return text
    return text.encode()[:limit_bytes].decode(errors="ignore")


def exemplar_row(labels: dict[str, str], value: float, time_ns: int) -> dict[str, Any]:
    """The shape the store keeps of an exemplar."""
    left = dict(labels)
    trace_id, span_id = (
        next((left.pop(name) for name in names if name in left), "").lower()
        for names in (_TRACE, _SPAN)
    )
    return {
        "time_ns": time_ns,
        "value": value if math.isfinite(value) else None,
        "trace_id": trace_id,
        "span_id": span_id,
        "attrs": left,
    }
