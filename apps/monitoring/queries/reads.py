"""Who reads which metric: what nobody has read for a month need not be kept.

Each process tells the recorder at most once a minute for each metric and kind of reader, so the
reads are a metric like others (`pharos.metric.reads`), and reading waits for nobody.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

from apps.monitoring import recorder

READS: Final = "pharos.metric.reads"
Reader = Literal["page", "api", "rule", "objective"]
_EVERY_S: Final = 60.0
_MOST: Final = 10_000

_reader: ContextVar[Reader] = ContextVar("pharos_reader", default="page")
_told: dict[tuple[str, Reader], float] = {}
_lock = threading.Lock()


@contextmanager
def by(reader: Reader) -> Iterator[None]:
    """What is read inside is read by this kind of reader; else by a page."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def note(metric: str) -> None:
    """Somebody asked for this metric. Never raises."""
    key = (metric, _reader.get())
    now = time.monotonic()
    with _lock:
        if now - _told.get(key, -_EVERY_S) < _EVERY_S:
            return
        if len(_told) >= _MOST:
            _told.clear()
        _told[key] = now
    recorder.count(READS, unit="{read}", attrs={"metric.name": metric[:255], "reader": key[1]})
