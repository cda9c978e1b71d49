"""One watched topic in one process: lead, relay what another computed, or compute alone."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final, Literal

from apps.core.live import messages
from apps.core.live.envelope import Stored
from apps.core.live.messages import LastGood, Message, Produced
from apps.core.live.producing import Producers
from apps.core.live.sharing import Sharing, Turn
from apps.core.live.topics import Topic

logger = logging.getLogger(__name__)
Role = Literal["lead", "relay", "alone"]
_LOOKS_A_TICK: Final = 10
_SHORTEST_LOOK_S: Final = 0.02


class Show:
    """Calls `deliver` with each new message, until its task is cancelled."""

    def __init__(
        self,
        topic: Topic,
        producers: Producers,
        sharing: Sharing | None,
        deliver: Callable[["Show", Message], None],
    ) -> None:
        self.topic = topic
        self.newest: Message | None = None
        self.role: Role = "alone"
        self.heard_at: float | None = None
        self._producers = producers
        self._sharing = sharing
        self._deliver = deliver
        self._token = secrets.token_hex(16)
        self._version = 0
        self._last = LastGood()
        self._relayed: Message | None = None
        self._job: asyncio.Future[Produced] | None = None
        # Longer than a tick, so that a leader in good health keeps it; one that is gone is
        # replaced within about two.
        self._lease_s = 1.5 * topic.interval_s + 0.5

    async def run(self) -> None:
        """Tick forever."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                due = began + await self._tick_or_rest()
                # A tick that took longer than its interval is followed by a rest, not by a rush.
                least_s = min(due - began, self.topic.interval_s / 4)
                await asyncio.sleep(max(due - loop.time(), least_s))
        finally:
            if self._sharing is not None:
                await self._sharing.release(self.topic.name, self._token)

    async def _tick_or_rest(self) -> float:
        try:
            return await self._tick()
        except Exception:
            # Whatever it was, those who watch must not be left with an old picture for good.
            logger.exception("A live topic stumbled", extra={"topic": self.topic.name})
            return self.topic.interval_s

    async def _tick(self) -> float:
        """Do what is to be done now; seconds from its beginning to the next tick."""
        turn = await self._turn()
        if turn is None:
            now_us = self._version + 1 if self._sharing is None else self._sharing.now_us()
            return await self._compute("alone", now_us)
        self._hear(turn)
        age_s = (turn.now_us - self._version) / 1e6
        if turn.leads:
            left_s = self.topic.interval_s - age_s
            # The one who led before has just computed: no need to do it again.
            if self.role != "lead" and left_s > 0:
                self.role = "lead"
                return min(left_s, self.topic.interval_s)
            return await self._compute("lead", turn.now_us)
        if self._silent_s() > self.topic.timeout_s + 2 * self.topic.interval_s:
            return await self._compute("alone", turn.now_us)
        self.role = "relay"
        return max(self._look_s(), min(self.topic.interval_s - age_s, self.topic.interval_s))

    def _look_s(self) -> float:
        return max(self.topic.interval_s / _LOOKS_A_TICK, _SHORTEST_LOOK_S)

    async def _turn(self) -> Turn | None:
        if self._sharing is None:
            return None
        return await self._sharing.turn(self.topic.name, self._token, self._version, self._lease_s)

    def _hear(self, turn: Turn) -> None:
        if self._version > turn.now_us + 1_000_000:
            # The clock of Redis was set back: nothing would ever be newer.
            self._version = 0
        if turn.newest is not None and turn.newest.version > self._version:
            self._relayed = turn.newest.message
            self._show(turn.newest)

    def _silent_s(self) -> float:
        now = asyncio.get_running_loop().time()
        if self.heard_at is None:
            self.heard_at = now
        return now - self.heard_at

    async def _compute(self, role: Role, version: int) -> float:
        self.role = role
        produced = await self._produced()
        told: bool | None = None
        if role == "lead" and self._sharing is not None:
            stored = Stored(version, self._encoded(produced, shared=True))
            told = await self._sharing.publish(self.topic.name, self._token, stored, self._lease_s)
            if told:
                self._show(stored)
            elif told is None:
                # What cannot be shared is computed by each: nobody may wait for this lease.
                await self._sharing.release(self.topic.name, self._token)
        if told is False:
            # Stopped or late, and another leads by now: theirs is newer.
            self.role = "relay"
            return self._look_s()
        if told is None:
            self._show(Stored(version, self._encoded(produced, shared=False)))
        return self.topic.interval_s

    def _show(self, stored: Stored) -> None:
        self._version = max(stored.version, self._version + 1)
        self.newest = stored.message
        self.heard_at = asyncio.get_running_loop().time()
        self._deliver(self, stored.message)

    def _encoded(self, produced: Produced, *, shared: bool) -> Message:
        if produced.data is not None:
            self._last.keep(produced.data)
            self._relayed = None
            return messages.ok(self.topic, produced.data, shared=shared)
        if self._relayed is not None:
            self._last, self._relayed = messages.remembered(self._relayed), None
        return messages.failed(self.topic, produced, self._last, shared=shared)

    async def _produced(self) -> Produced:
        loop = asyncio.get_running_loop()
        late_at = loop.time() + self.topic.timeout_s
        if self._job is None:
            self._job = self._producers.start(self.topic)
        # Never cancelled: a late run keeps its thread, so it is waited for, not started again.
        while not self._job.done() and (left_s := late_at - loop.time()) > 0:
            await asyncio.wait({self._job}, timeout=min(left_s, self._lease_s / 3))
            if not self._job.done() and self.role == "lead":
                await self._turn()
        if not self._job.done():
            logger.warning("A live topic is late", extra={"topic": self.topic.name})
            return Produced(code="late", message="The figures take too long to compute.")
        produced, self._job = self._job.result(), None
        return produced

    def facts(self) -> dict[str, Any]:
        """What it does here, and how long ago it had something new."""
        now = asyncio.get_running_loop().time()
        age_s = None if self.newest is None or self.heard_at is None else now - self.heard_at
        return {
            "role": self.role,
            "last_tick_age_s": None if age_s is None else round(age_s, 1),
        }
