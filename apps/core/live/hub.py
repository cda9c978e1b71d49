"""The hub: one show per watched topic and process, a plain loop over its viewers.

Everything but producers runs on the event loop, so nothing here needs a lock.
"""

import asyncio
import functools
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings

from apps.core.live.messages import Message
from apps.core.live.producing import Producers
from apps.core.live.sharing import Sharing
from apps.core.live.show import Show
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic

_MOST_TOPICS: Final = 24


class HubFullError(Exception):
    """So many topics are watched already that one more would starve them."""


class _Audience:
    """A show, its task and who watches."""

    __slots__ = ("show", "task", "viewers")

    def __init__(self, show: Show) -> None:
        self.show = show
        self.viewers: set[Slots] = set()
        self.task = asyncio.get_running_loop().create_task(show.run())


class Hub:
    """Feeds the sockets of one process. Without `sharing` it computes all by itself."""

    def __init__(self, sharing: Sharing | None = None, most_topics: int = _MOST_TOPICS) -> None:
        self._audiences: dict[str, _Audience] = {}
        self._most_topics = most_topics
        self._producers = Producers()
        self._sharing = sharing
        self._ending: set[asyncio.Task[None]] = set()
        self._skipped = 0

    def watched(self, name: str) -> Topic | None:
        """The topic of this name if somebody watches it here already."""
        audience = self._audiences.get(name)
        return None if audience is None else audience.show.topic

    def join(self, topic: Topic, viewer: Slots) -> None:
        """Feed a viewer from now on, at once with what is known. Raises HubFullError."""
        audience = self._audiences.get(topic.name)
        if audience is None:
            if len(self._audiences) >= self._most_topics:
                raise HubFullError
            show = Show(topic, self._producers, self._sharing, self._deliver)
            audience = self._audiences[topic.name] = _Audience(show)
        audience.viewers.add(viewer)
        if audience.show.newest is not None:
            viewer.offer(topic.name, audience.show.newest)

    def leave(self, name: str, viewer: Slots) -> None:
        """Stop feeding a viewer; the last one to go stops the show."""
        viewer.forget(name)
        audience = self._audiences.get(name)
        if audience is None or viewer not in audience.viewers:
            return
        audience.viewers.discard(viewer)
        self._skipped += viewer.take_skipped()
        if not audience.viewers:
            self._end(self._audiences.pop(name))

    def facts(self) -> dict[str, Any]:
        """Topics and viewers of this process, for the health report. Call on its event loop."""
        audiences = self._audiences.values()
        viewers = {viewer for audience in audiences for viewer in audience.viewers}
        return {
            "topics": len(self._audiences),
            "viewers": len(viewers),
            "shared": self._sharing is not None and not self._sharing.away,
            "skipped": self._skipped + sum(viewer.skipped for viewer in viewers),
            "ignored": 0 if self._sharing is None else self._sharing.ignored,
            "watched": {
                name: {"viewers": len(audience.viewers), **audience.show.facts()}
                for name, audience in sorted(self._audiences.items())
            },
        }

    async def close(self) -> None:
        """Stop every show and let other processes lead."""
        while self._audiences:
            self._end(self._audiences.popitem()[1])
        if self._ending:
            await asyncio.wait(self._ending)
        if self._sharing is not None:
            await self._sharing.close()
        self._producers.close()

    def _end(self, audience: _Audience) -> None:
        audience.task.cancel()
        self._ending.add(audience.task)
        audience.task.add_done_callback(self._ending.discard)

    def _deliver(self, show: Show, message: Message) -> None:
        name = show.topic.name
        audience = self._audiences.get(name)
        # One whose last viewer left may still have been about to speak.
        if audience is not None and audience.show is show:
            for viewer in audience.viewers:
                viewer.offer(name, message)


@functools.cache
def hub() -> Hub:
    """The hub of this process."""
    database = settings.DATABASES["default"]
    place = [database.get(part) for part in ("HOST", "PORT", "NAME")]
    place.append(database.get("OPTIONS", {}).get("host"))
    secret = settings.SECRET_KEY.encode()
    # The database is what makes a portal one; the secret keeps a copy of it apart.
    space = blake2b(repr(place).encode(), key=blake2b(secret).digest(), digest_size=8).hexdigest()
    return Hub(Sharing(settings.PHAROS_LIVE_REDIS_URL, space, secret))
