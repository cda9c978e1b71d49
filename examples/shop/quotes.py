"""Quotes come from an event loop of the shop's own, which says when it is blocked."""

import asyncio
import sys
import threading
import time
from typing import Any

from opentelemetry import trace

from examples.shop import faults

_TURN_S, _BLOCKED_S = 0.05, 0.1
_tracer = trace.get_tracer("examples.shop")
_loop = asyncio.new_event_loop()
_turned_at = time.monotonic()


def quote(event_id: int, seats: int) -> int:
    """The price of some seats in cents, as the loop finds it."""
    return asyncio.run_coroutine_threadsafe(_quote(event_id, seats), _loop).result(10)


async def _quote(event_id: int, seats: int) -> int:
    if faults.is_on("blocked_loop"):
        # What must not be done on a loop: everybody waits, not only who asked.
        time.sleep(0.3)  # noqa: ASYNC251
    await asyncio.sleep(0.005)
    return seats * (2000 + event_id * 37 % 6000)


def start_loop() -> None:
    """Run the loop in a thread, and watch it from another."""
    thread = threading.Thread(target=_loop.run_forever, name="quotes", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(_turn(), _loop)
    threading.Thread(target=_watch, args=(thread,), name="quotes-watch", daemon=True).start()


async def _turn() -> None:
    global _turned_at
    while True:
        _turned_at = time.monotonic()
        await asyncio.sleep(_TURN_S)


def _watch(thread: threading.Thread) -> None:
    """One span for each time the loop had no turn, with the function that kept it busy."""
    where, since = "", None
    while True:
        time.sleep(_TURN_S / 2)
        seen = _turned_at
        if time.monotonic() - seen > _TURN_S + _BLOCKED_S:
            since = seen
            where = _busy_with(thread) or where
        elif since is not None:
            begun = time.time_ns() - int((time.monotonic() - since) * 1e9)
            ended = time.time_ns() - int((time.monotonic() - seen) * 1e9)
            _tell(begun + int(_TURN_S * 1e9), ended, where)
            where, since = "", None


def _busy_with(thread: threading.Thread) -> str:
    frame: Any = sys._current_frames().get(thread.ident or 0)
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}" if frame else ""


def _tell(begun_ns: int, ended_ns: int, where: str) -> None:
    told = {"code.function.name": where}
    span = _tracer.start_span("event loop blocked", start_time=begun_ns, attributes=told)
    span.end(max(begun_ns, ended_ns))
