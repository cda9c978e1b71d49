"""Sending on one socket without a task for each message.

Granian starts to send when `send` is called and hands back something like a future: nobody need
await it. Other servers give a coroutine, which becomes a task.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

_SCOPE_KEY: Final = "pharos.send"
Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_wire(application: Application) -> Application:
    """The application, with the server's own `send` in its scope before anything wraps it."""

    async def wired(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, _SCOPE_KEY: send}, receive, send)

    return wired


class Wire:
    """One socket's outgoing side: at most one message is under way."""

    __slots__ = ("_busy", "_flight", "_send")

    def __init__(self, scope: Any, send: Any) -> None:
        self._send = scope.get(_SCOPE_KEY, send)
        self._flight: Any = None
        self._busy = False

    def try_send(self, data: bytes) -> bool:
        """Start sending; False while the former message is still under way."""
        if self._busy or (self._flight is not None and not self._flight.done()):
            return False
        self._launch(data)
        return True

    async def send_all(self, pop: Callable[[], bytes | None], timeout_s: float) -> None:
        """Send one after the other what `pop` gives, until None.

        Raises TimeoutError when one takes longer than `timeout_s`, and what the server raises.
        """
        self._busy = True
        try:
            await self._settle(timeout_s)
            while (data := pop()) is not None:
                self._launch(data)
                await self._settle(timeout_s)
        finally:
            self._busy = False

    def _launch(self, data: bytes) -> None:
        sending = self._send({"type": "websocket.send", "bytes": data})
        if asyncio.iscoroutine(sending):
            sending = asyncio.ensure_future(sending)
            sending.add_done_callback(_read)
        # A socket that is closed gets a finished awaitable with no state to ask for.
        self._flight = sending if hasattr(sending, "done") else None

    async def _settle(self, timeout_s: float) -> None:
        flight, self._flight = self._flight, None
        if flight is not None:
            await asyncio.wait_for(flight, timeout_s)


def _read(sending: "asyncio.Future[Any]") -> None:
    # The other end went away: its disconnect message says so too.
    if not sending.cancelled():
        sending.exception()
