"""Units of work of any kind: how long they take to start, how many run, what each takes.

What the objectives of the group "units of work" judge. Celery's tasks are counted by themselves;
other code tells of its own::

    with jobs.unit("report", waited_s=0.2, memory_bytes=4200):
        ...

Like all of the recorder: never blocks, never raises for itself.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from apps.monitoring.recorder import events
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.warmth import is_cold

START: Final = "job.start.duration"
ACTIVE: Final = "job.active"
MEMORY: Final = "job.memory"

_lock = threading.Lock()
_active: Counter[str] = Counter()


def started(kind: str, waited_s: float, *, cold: bool) -> None:
    """One unit began to work `waited_s` seconds after it was asked for."""
    if settings.PHAROS_RECORDER:
        attrs = {"job.type": kind, "job.start": "cold" if cold else "warm"}
        recorder.add((events.OBSERVE, START, max(waited_s, 0.0), "s", attrs))


@contextmanager
def unit(kind: str, waited_s: float = 0.0, memory_bytes: float | None = None) -> Iterator[None]:
    """The work itself; `memory_bytes` is what this one unit takes, where that is known."""
    started(kind, waited_s, cold=is_cold(kind))
    if memory_bytes is not None and settings.PHAROS_RECORDER:
        recorder.add((events.OBSERVE, MEMORY, memory_bytes, "By", {"job.type": kind}))
    _count(kind, 1)
    try:
        yield
    finally:
        _count(kind, -1)


def _count(kind: str, step: int) -> None:
    with _lock:
        _active[kind] += step
        now = _active[kind]
    if settings.PHAROS_RECORDER:
        recorder.add((events.GAUGE, ACTIVE, float(now), "{job}", {"job.type": kind}))
