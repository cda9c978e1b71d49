"""The socket `ws/live`: staff subscribe to topics and are sent their newest state.

In: `{"action": "subscribe" | "unsubscribe", "topics": [name, …]}`, as text. Out: `messages`, as
binary frames. Close codes: 4400 bad message, 4401 not signed in, 4403 not (or no longer) allowed,
4408 the viewer takes nothing, 4429 too many messages.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from apps.core.live import access, messages, topics
from apps.core.live.hub import HubFullError, hub
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic

logger = logging.getLogger(__name__)
_MOST_TOPICS: Final = 16
_LONGEST_MESSAGE: Final = 4096
_MOST_MESSAGES: Final = 40
_MESSAGES_WINDOW_S: Final = 10.0
_SEND_TIMEOUT_S: Final = 15.0
# Spread out, so that a thousand viewers do not ask the database in one moment.
_RECHECK_S: Final = (10.0, 20.0)


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["subscribe", "unsubscribe"]
    topics: list[str]


_wishes = msgspec.json.Decoder(_Wish)


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One viewer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slots = Slots()
        self._watched: dict[str, Topic] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._arrivals: list[float] = []
        self._closing = asyncio.Event()
        self._code = 1000

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
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
            self._tasks = [
                asyncio.create_task(self._send_newest()),
                asyncio.create_task(self._recheck()),
            ]

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        self._let_go()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._tasks:
            return
        if self._too_many():
            self._refuse(4429)
            return
        raw = text_data if text_data is not None else bytes_data
        if raw is None or len(raw) > _LONGEST_MESSAGE:
            self._refuse(4400)
            return
        try:
            wish = _wishes.decode(raw)
        except (msgspec.MsgspecError, UnicodeError):
            self._refuse(4400)
            return
        for name in dict.fromkeys(wish.topics):
            if wish.action == "subscribe":
                await self._subscribe(name)
            else:
                self._unsubscribe(name)

    async def _subscribe(self, name: str) -> None:
        if name in self._watched:
            return
        if len(self._watched) >= _MOST_TOPICS:
            self._tell_refused(name, "too_many")
            return
        try:
            topic = await database_sync_to_async(self._find)(name)
        except (DatabaseError, InterfaceError):
            self._tell_refused(name, "database")
            return
        if topic is None:
            self._tell_refused(name, "unknown")
            return
        try:
            hub().join(topic, self._slots)
        except HubFullError:
            self._tell_refused(name, "full")
            return
        self._watched[name] = topic

    def _find(self, name: str) -> Topic | None:
        topic = topics.find(name)
        if topic is None or not access.may_watch(self.scope["user"], topic.permission):
            return None
        return topic

    def _unsubscribe(self, name: str) -> None:
        if self._watched.pop(name, None) is not None:
            hub().leave(name, self._slots)

    def _tell_refused(self, name: str, code: str) -> None:
        self._slots.offer(name[:200], messages.refused(name[:200], code))

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._arrivals = [at for at in self._arrivals if now - at < _MESSAGES_WINDOW_S]
        self._arrivals.append(now)
        return len(self._arrivals) > _MOST_MESSAGES

    async def _send_newest(self) -> None:
        try:
            while True:
                for message in await self._slots.take():
                    await asyncio.wait_for(self.send(bytes_data=message), _SEND_TIMEOUT_S)
        except TimeoutError:
            self._refuse(4408)
        except Exception:
            # The other end is gone: its disconnect message is on the way.
            logger.debug("A live viewer went away", exc_info=True)
            self._unwatch()

    async def _recheck(self) -> None:
        session_key = getattr(self.scope.get("session"), "session_key", None) or ""
        user_id = self.scope["user"].pk
        while True:
            await asyncio.sleep(random.uniform(*_RECHECK_S))  # noqa: S311
            wanted = {topic.permission for topic in self._watched.values()}
            try:
                allowed = await database_sync_to_async(access.still_allowed)(
                    session_key, user_id, wanted
                )
            except (DatabaseError, InterfaceError):
                # Nothing is shown from a database that is away, so nothing leaks meanwhile.
                continue
            if not allowed:
                self._refuse(4403)
                return

    def _refuse(self, code: int) -> None:
        self._unwatch()
        self._code = code
        self._closing.set()

    def _unwatch(self) -> None:
        for name in self._watched:
            hub().leave(name, self._slots)
        self._watched.clear()

    def _let_go(self) -> None:
        self._unwatch()
        for task in self._tasks:
            task.cancel()
