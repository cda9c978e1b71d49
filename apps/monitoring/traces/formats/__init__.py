"""Traces in the forms other tools read: OTLP/JSON, Jaeger's JSON and Zipkin's v2 JSON."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from apps.monitoring.traces.formats import jaeger, otlp, zipkin
from apps.monitoring.traces.formats.whole import WholeTrace

__all__ = ["FORMATS", "WholeTrace"]

# Name → how several traces become one JSON-ready document.
FORMATS: Final[dict[str, Callable[[Sequence[WholeTrace]], Any]]] = {
    "otlp": otlp.document,
    "jaeger": jaeger.document,
    "zipkin": zipkin.document,
}
