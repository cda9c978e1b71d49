"""What one socket has yet to send: at most one message a topic, always the newest."""

import asyncio


class Slots:
    """A bounded, latest-wins buffer between the hub and one socket. Used on the event loop only."""

    __slots__ = ("_filled", "_newest", "skipped")

    def __init__(self) -> None:
        self._newest: dict[str, bytes] = {}
        self._filled = asyncio.Event()
        self.skipped = 0

    def offer(self, topic: str, message: bytes) -> None:
        """Put the newest state of a topic in; one the socket had no time for is replaced."""
        if topic in self._newest:
            self.skipped += 1
        self._newest[topic] = message
        self._filled.set()

    def forget(self, topic: str) -> None:
        """Drop what waits for a topic the viewer has left."""
        self._newest.pop(topic, None)

    async def take(self) -> list[bytes]:
        """Wait until something is there, then take all of it."""
        await self._filled.wait()
        self._filled.clear()
        taken = list(self._newest.values())
        self._newest.clear()
        return taken
