"""The socket `ws/live`: staff subscribe to topics and are sent their newest state.

In: `{"action": "subscribe" | "unsubscribe", "topics": [name, …]}`, as text; a name may carry a
filter, `logs?level=error`. Out: `messages`, as binary frames, under the canonical name. Close
codes: 4400 bad message, 4401 not signed in, 4403 not (or no longer) allowed, 4408 the viewer takes
nothing, 4429 too many messages.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from apps.core.live import access, messages, topics
from apps.core.live.doorkeeper import doorkeeper
from apps.core.live.hub import HubFullError, hub
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic
from apps.core.live.wire import Wire

logger = logging.getLogger(__name__)
_MOST_TOPICS: Final = 16
_LONGEST_MESSAGE: Final = 4096
_MOST_MESSAGES: Final = 40
_MESSAGES_WINDOW_S: Final = 10.0
_SEND_TIMEOUT_S: Final = 15.0
_LONGEST_ECHO: Final = 300


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["subscribe", "unsubscribe"]
    topics: list[str]


_wishes = msgspec.json.Decoder(_Wish)


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One viewer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watched: dict[str, Topic] = {}
        self._slow: asyncio.Task[None] | None = None
        self._arrivals: list[float] = []
        self._closing = asyncio.Event()
        self._code = 1000

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._wire = Wire(scope, send)
        self._slots = Slots(self._wire.try_send)

        async def receive_or_close() -> Any:
            return await self._next_message(receive)

        try:
            await super().__call__(scope, receive_or_close, send)
        finally:
            # Also when the server drops the task without a disconnect message.
            self._let_go()

    async def _next_message(self, receive: Callable[[], Awaitable[Any]]) -> Any:
        # Granian cannot close a socket while somebody waits for its next message. So a wish to
        # close ends the waiting, and the close happens where the message would have been handled.
        message = asyncio.ensure_future(receive())
        wish = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({message, wish}, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "live.close"}
        finally:
            message.cancel()
            wish.cancel()

    async def live_close(self, message: dict[str, Any]) -> None:  # noqa: ARG002
        """Close with the code somebody asked for, then wait for the server's farewell."""
        self._closing.clear()
        await self.close(self._code)

    async def connect(self) -> None:
        user = self.scope.get("user")
        # Accepted first: a browser is told no reason for a refused handshake.
        await self.accept()
        if user is None or not user.is_authenticated:
            await self.close(4401)
        elif not access.is_staff(user):
            await self.close(4403)
        else:
            self._slow = asyncio.create_task(self._send_slowly())
            doorkeeper.admit(self)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        self._let_go()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._slow is None:
            return
        if self._too_many():
            self.refuse(4429)
            return
        raw = text_data if text_data is not None else bytes_data
        if raw is None or len(raw) > _LONGEST_MESSAGE:
            self.refuse(4400)
            return
        try:
            wish = _wishes.decode(raw)
        except (msgspec.MsgspecError, UnicodeError):
            self.refuse(4400)
            return
        for told in dict.fromkeys(wish.topics):
            name = topics.canonical(told)
            if wish.action == "unsubscribe":
                self._unsubscribe(name)
            elif name is None:
                self._tell_refused(told, "unknown")
            else:
                await self._subscribe(name)

    async def _subscribe(self, name: str) -> None:
        if name in self._watched:
            return
        if len(self._watched) >= _MOST_TOPICS:
            self._tell_refused(name, "too_many")
            return
        try:
            topic = await self._find(name)
        except (DatabaseError, InterfaceError):
            self._tell_refused(name, "database")
            return
        if topic is None:
            self._tell_refused(name, "unknown")
            return
        if self._closing.is_set():
            return
        try:
            hub().join(topic, self._slots)
        except HubFullError:
            self._tell_refused(name, "full")
            return
        self._watched[name] = topic

    async def _find(self, name: str) -> Topic | None:
        topic = hub().watched(name)
        if topic is not None and not topic.permission:
            # Found a moment ago for somebody else, and `connect` has seen that this is staff.
            return topic
        found: Topic | None = await database_sync_to_async(self._find_allowed)(name)
        return found

    def _find_allowed(self, name: str) -> Topic | None:
        topic = topics.find(name)
        if topic is None or not access.may_watch(self.scope["user"], topic.permission):
            return None
        return topic

    def _unsubscribe(self, name: str | None) -> None:
        if name is not None and self._watched.pop(name, None) is not None:
            hub().leave(name, self._slots)

    def _tell_refused(self, name: str, code: str) -> None:
        self._slots.offer(name[:_LONGEST_ECHO], messages.refused(name[:_LONGEST_ECHO], code))

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._arrivals = [at for at in self._arrivals if now - at < _MESSAGES_WINDOW_S]
        self._arrivals.append(now)
        return len(self._arrivals) > _MOST_MESSAGES

    async def _send_slowly(self) -> None:
        try:
            while True:
                await self._slots.filled()
                await self._wire.send_all(self._slots.pop, _SEND_TIMEOUT_S)
        except TimeoutError:
            self.refuse(4408)
        except Exception:
            # The other end is gone: its disconnect message is on the way.
            logger.debug("A live viewer went away", exc_info=True)
            self._unwatch()

    def claim(self) -> access.Claim:
        """What this viewer must still be allowed."""
        session_key = getattr(self.scope.get("session"), "session_key", None) or ""
        permissions = frozenset(topic.permission for topic in self._watched.values())
        return access.Claim(session_key, self.scope["user"].pk, permissions)

    def turn_out(self) -> None:
        """Close, for they may no longer watch."""
        self.refuse(4403)

    def refuse(self, code: int) -> None:
        """Send nothing more and close with this code."""
        self._unwatch()
        self._code = code
        self._closing.set()

    def _unwatch(self) -> None:
        for name in self._watched:
            hub().leave(name, self._slots)
        self._watched.clear()

    def _let_go(self) -> None:
        doorkeeper.dismiss(self)
        self._unwatch()
        if self._slow is not None:
            self._slow.cancel()
