"""What one socket has yet to send: at most one message a topic, always the newest."""

import asyncio
from collections.abc import Callable

from apps.core.live.messages import NO_DIGEST, Message

Direct = Callable[[bytes], bool]


class Slots:
    """A bounded, latest-wins buffer between the hub and one socket. Used on the event loop only.

    `direct` sends at once what the socket has time for, and answers False when it has none; only
    then a message waits here. So a socket that keeps up costs no task a wake-up.
    """

    __slots__ = ("_direct", "_filled", "_newest", "_sent", "skipped")

    def __init__(self, direct: Direct | None = None) -> None:
        self._direct = direct
        self._newest: dict[str, Message] = {}
        self._sent: dict[str, bytes] = {}
        self._filled = asyncio.Event()
        self.skipped = 0

    def offer(self, topic: str, message: Message) -> None:
        """Give the newest state of a topic; one the socket had no time for is replaced."""
        if self._direct is not None and not self._newest:
            brief = self._sent.get(topic, NO_DIGEST) == message.digest != NO_DIGEST
            if self._direct(message.brief if brief else message.full):
                self._sent[topic] = message.digest
                return
        if topic in self._newest:
            self.skipped += 1
        self._newest[topic] = message
        self._filled.set()

    def forget(self, topic: str) -> None:
        """Drop what is known of a topic the viewer has left."""
        self._newest.pop(topic, None)
        self._sent.pop(topic, None)

    def take_skipped(self) -> int:
        """How many states were replaced before they were sent, since this was last asked."""
        skipped, self.skipped = self.skipped, 0
        return skipped

    async def filled(self) -> None:
        """Wait until something waits to be sent."""
        await self._filled.wait()

    def pop(self) -> bytes | None:
        """The next message to send; None when nothing waits. What is taken counts as sent."""
        if not self._newest:
            self._filled.clear()
            return None
        topic = next(iter(self._newest))
        message = self._newest.pop(topic)
        brief = self._sent.get(topic, NO_DIGEST) == message.digest != NO_DIGEST
        self._sent[topic] = message.digest
        return message.brief if brief else message.full
