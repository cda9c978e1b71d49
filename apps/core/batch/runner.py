"""Carries a batch out: reads side by side, changes one after another, all within one deadline.

The threads are the batches' own. Were they those that answer requests, as many batches as there are
threads would wait for each other for ever.
"""

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import ClassVar, Final

from django.conf import settings
from django.http import HttpRequest

from apps.core.batch import inner
from apps.core.batch.shapes import Item, Result, refused
from apps.core.errors import PortalError

DEADLINE_S: Final = 10.0
_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None
Call = Callable[[Item, HttpRequest], Result]


class OutOfTimeError(PortalError):
    """The time of the batch ran out."""

    code: ClassVar[str] = "timeout"
    status: ClassVar[int] = 504


_NOT_BEGUN: Final = "The time of the batch ran out before this request began. Nothing was done."
_UNKNOWN: Final = (
    "The time of the batch ran out while this request was under way. "
    "It may still be carried out: look before you repeat it."
)


def run(
    items: Sequence[Item],
    outer: HttpRequest,
    *,
    deadline_s: float = DEADLINE_S,
    call: Call = inner.call,
) -> list[Result]:
    """The results in the order of the items.

    Neighbours that only read run beside each other; what stands after a change sees it.
    """
    until = time.monotonic() + deadline_s
    results: dict[int, Result] = {}
    for group in _groups(items):
        pending = {}
        for item in group:
            begun = _begin(item, outer, call)
            if isinstance(begun, Result):
                results[item.number] = begun
            else:
                pending[begun] = item
        wait(pending, timeout=max(0.0, until - time.monotonic()))
        for future, item in pending.items():
            results[item.number] = _outcome(item, future)
        if time.monotonic() >= until:
            break
    late = OutOfTimeError(_NOT_BEGUN, {"begun": False})
    return [results.get(item.number) or refused(item, late) for item in items]


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Neighbours that only read, together; everything else alone."""
    for safe, neighbours in groupby(items, lambda item: item.safe):
        if safe:
            yield list(neighbours)
        else:
            yield from ([item] for item in neighbours)


def _begin(item: Item, outer: HttpRequest, call: Call) -> "Result | Future[Result]":
    try:
        request = inner.build(item, outer)
    except PortalError as error:
        return refused(item, error)
    # The trace, the language and the caller's name travel in the context; each call has its own.
    context = contextvars.copy_context()
    return _threads().submit(context.run, call, item, request)


def _outcome(item: Item, future: "Future[Result]") -> Result:
    if future.cancel():
        return refused(item, OutOfTimeError(_NOT_BEGUN, {"begun": False}))
    if not future.done():
        return refused(item, OutOfTimeError(_UNKNOWN, {"begun": True}))
    try:
        return future.result()
    except CancelledError:
        return refused(item, OutOfTimeError(_NOT_BEGUN, {"begun": False}))


def _threads() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        with _lock:
            if _executor is None:
                _executor = ThreadPoolExecutor(settings.PHAROS_BATCH_THREADS, "batch")
    return _executor


def stop() -> None:
    """Wait for what runs and end the threads; the next batch starts new ones."""
    global _executor
    with _lock:
        ending, _executor = _executor, None
    if ending is not None:
        ending.shutdown(cancel_futures=True)
