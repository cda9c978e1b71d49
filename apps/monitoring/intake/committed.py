"""Who is told of what has been committed.

`listen` is for the process that committed; `listen_metrics` also hears of what the intake processes
of this process have committed, but only the names of metrics.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Final

from apps.monitoring.store.rows import Batch

logger = logging.getLogger(__name__)

Listener = Callable[[Sequence[Batch]], None]
MetricsListener = Callable[[Collection[str]], None]
_listeners: list[Listener] = []
_metrics_listeners: list[MetricsListener] = []
# Names one process tells of at once; beyond that it tells of nothing, which only delays.
MOST_NAMES: Final = 2_000


def listen(listener: Listener) -> None:
    """Call `listener` with every committed group. It runs in the committer's thread:
    be quick, and copy the lists of rows to keep them, for their owner empties them later."""
    if listener not in _listeners:
        _listeners.append(listener)


def listen_metrics(listener: MetricsListener) -> None:
    """Call `listener` with the names of the metrics of every committed group. Be quick: it runs in
    the committer's thread or on the event loop."""
    if listener not in _metrics_listeners:
        _metrics_listeners.append(listener)


def tell(batches: Sequence[Batch]) -> None:
    """Tell every listener; one that fails harms nobody."""
    for listener in _listeners:
        try:
            listener(batches)
        except Exception:
            logger.exception("a listener of the intake failed")
    if _metrics_listeners:
        tell_metrics(_names(batches))


def tell_metrics(names: Collection[str]) -> None:
    """Tell the listeners of metrics; one that fails harms nobody."""
    if not names:
        return
    for listener in _metrics_listeners:
        try:
            listener(names)
        except Exception:
            logger.exception("a listener of the intake failed")


def _names(batches: Sequence[Batch]) -> set[str]:
    names = {row.series.metric.name for batch in batches for row in batch.samples}
    names.update(row.series.metric.name for batch in batches for row in batch.histograms)
    return names


class Names:
    """What an intake process has committed since it last answered. Thread-safe and bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()

    def add(self, names: Collection[str]) -> None:
        """Keep these."""
        with self._lock:
            if len(self._names) + len(names) <= MOST_NAMES:
                self._names.update(names)

    def take(self) -> list[str]:
        """All since the last call."""
        with self._lock:
            names, self._names = self._names, set()
        return list(names)
