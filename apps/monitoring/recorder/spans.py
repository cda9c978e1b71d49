"""Spans around code of our own choosing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, Final

from django.conf import settings

from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import SUPPRESSED, ActiveSpan, current
from apps.monitoring.recorder.events import SPAN

INTERNAL: Final = 1
CLIENT: Final = 3
PRODUCER: Final = 4


@contextmanager
def span(
    name: str, attrs: Mapping[str, Any] | None = None, kind: int = INTERNAL
) -> Iterator[ActiveSpan | None]:
    """Record a span below the current one; an exception marks it failed and goes on.

    `kind` is OTLP's: INTERNAL, or CLIENT for an outgoing call, in which `inject` then names this
    span as the parent. None where nothing is recorded.
    """
    parent: Any = current.get()
    if parent is SUPPRESSED or not settings.PHAROS_RECORDER:
        yield None
        return
    made = ActiveSpan(parent)
    token = current.set(made)
    try:
        yield made
    except BaseException as error:
        made.error = type(error).__qualname__
        raise
    finally:
        current.reset(token)
        recorder.add((SPAN, made, perf_counter_ns(), name, kind, attrs))
