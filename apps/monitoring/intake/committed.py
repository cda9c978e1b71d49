"""Who is told of what has been committed, in the process that committed it."""

import logging
from collections.abc import Callable, Sequence

from apps.monitoring.store.rows import Batch

logger = logging.getLogger(__name__)

Listener = Callable[[Sequence[Batch]], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` with every committed group. It runs in the committer's thread:
    be quick, and copy the lists of rows to keep them, for their owner empties them later."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(batches: Sequence[Batch]) -> None:
    """Tell every listener; one that fails harms nobody."""
    for listener in _listeners:
        try:
            listener(batches)
        except Exception:
            logger.exception("a listener of the intake failed")
