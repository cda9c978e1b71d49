"""The hub: one producer task per watched topic and process, a plain loop over its viewers.

Everything but `produce()` runs on the event loop, so nothing here needs a lock.
"""

import asyncio
import functools
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.core.errors import PortalError
from apps.core.live import messages
from apps.core.live.messages import LastGood, Produced
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic

logger = logging.getLogger(__name__)
_MOST_TOPICS: Final = 24
_THREADS: Final = 2


class HubFullError(Exception):
    """So many topics are watched already that one more would starve them."""


class _Show:
    """One topic that somebody watches."""

    __slots__ = ("job", "last", "newest", "task", "topic", "viewers")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.viewers: set[Slots] = set()
        self.newest: bytes | None = None
        self.last = LastGood()
        self.job: asyncio.Future[Produced] | None = None
        self.task: asyncio.Task[None] | None = None


class Hub:
    """Feeds the sockets of one process."""

    def __init__(self, most_topics: int = _MOST_TOPICS, threads: int = _THREADS) -> None:
        self._shows: dict[str, _Show] = {}
        self._most_topics = most_topics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="live")

    def join(self, topic: Topic, viewer: Slots) -> None:
        """Feed a viewer from now on, at once with what is known. Raises HubFullError."""
        show = self._shows.get(topic.name)
        if show is None:
            if len(self._shows) >= self._most_topics:
                raise HubFullError
            show = self._shows[topic.name] = _Show(topic)
            show.task = asyncio.get_running_loop().create_task(self._run(show))
        show.viewers.add(viewer)
        if show.newest is not None:
            viewer.offer(topic.name, show.newest)

    def leave(self, name: str, viewer: Slots) -> None:
        """Stop feeding a viewer; the last one to go stops the producer."""
        viewer.forget(name)
        show = self._shows.get(name)
        if show is None:
            return
        show.viewers.discard(viewer)
        if not show.viewers:
            del self._shows[name]
            if show.task is not None:
                show.task.cancel()

    def facts(self) -> dict[str, Any]:
        """Topics and viewers of this process, for the health report."""
        return {
            "topics": len(self._shows),
            "viewers": sum(len(show.viewers) for show in self._shows.values()),
        }

    def close(self) -> None:
        """Stop every producer."""
        for show in self._shows.values():
            if show.task is not None:
                show.task.cancel()
        self._shows.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, show: _Show) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            message = await self._next(show)
            show.newest = message
            for viewer in show.viewers:
                viewer.offer(show.topic.name, message)
            # A tick that took longer than its interval is followed by a rest, not by a rush.
            due = max(due + show.topic.interval_s, loop.time() + show.topic.interval_s / 4)
            await asyncio.sleep(due - loop.time())

    async def _next(self, show: _Show) -> bytes:
        if show.job is None:
            loop = asyncio.get_running_loop()
            show.job = loop.run_in_executor(self._pool, _produce, show.topic)
        # Shielded: a late run keeps its thread, so it must be waited for, not started again.
        done, _waiting = await asyncio.wait({show.job}, timeout=show.topic.timeout_s)
        if not done:
            logger.warning("A live topic is late", extra={"topic": show.topic.name})
            late = Produced(code="late", message="The figures take too long to compute.")
            return messages.failed(show.topic, late, show.last)
        produced, show.job = show.job.result(), None
        if produced.data is None:
            return messages.failed(show.topic, produced, show.last)
        show.last.keep(produced.data)
        return messages.ok(show.topic, produced.data)


def _produce(topic: Topic) -> Produced:
    """Run one producer in a thread of the pool; every failure becomes an answer."""
    try:
        close_old_connections()
        return Produced(data=orjson.dumps(topic.produce(), option=orjson.OPT_NON_STR_KEYS))
    except PortalError as error:
        return Produced(code=error.code, message=error.message)
    except (DatabaseError, InterfaceError):
        logger.warning("A live topic lost the database", extra={"topic": topic.name}, exc_info=True)
        return Produced(code="database", message="The database does not answer.")
    except Exception:
        logger.exception("A live topic failed", extra={"topic": topic.name})
        return Produced(code="failed", message="The figures cannot be computed right now.")
    finally:
        close_old_connections()


@functools.cache
def hub() -> Hub:
    """The hub of this process."""
    return Hub()
