"""Asks again and again, for all viewers of the process at once, whether they may still watch."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from channels.db import database_sync_to_async
from django.db import DatabaseError, InterfaceError

from apps.core.live import access

logger = logging.getLogger(__name__)
_EVERY_S: Final = 10.0
_AT_ONCE: Final = 250


class Guest(Protocol):
    """A viewer who was let in."""

    def claim(self) -> access.Claim:
        """What they must still be allowed."""
        ...

    def turn_out(self) -> None:
        """End what they watch."""
        ...


class Doorkeeper:
    """One task for all guests of a process; it ends with the last of them."""

    def __init__(self, every_s: float = _EVERY_S) -> None:
        self._every_s = every_s
        self._guests: set[Guest] = set()
        self._task: asyncio.Task[None] | None = None

    def admit(self, guest: Guest) -> None:
        """Keep an eye on a guest from now on."""
        self._guests.add(guest)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._rounds())

    def dismiss(self, guest: Guest) -> None:
        """The guest has left."""
        self._guests.discard(guest)

    @property
    def guests(self) -> int:
        """How many are inside."""
        return len(self._guests)

    async def _rounds(self) -> None:
        while self._guests:
            await asyncio.sleep(self._every_s)
            inside = list(self._guests)
            for first in range(0, len(inside), _AT_ONCE):
                await self._ask(inside[first : first + _AT_ONCE])

    async def _ask(self, guests: Sequence[Guest]) -> None:
        claims = [guest.claim() for guest in guests]
        try:
            allowed = await database_sync_to_async(access.still_allowed)(claims)
        except (DatabaseError, InterfaceError):
            # Nothing is shown from a database that is away, so nothing leaks meanwhile.
            return
        except Exception:
            logger.exception("Viewers could not be checked")
            return
        for guest, may_stay in zip(guests, allowed, strict=True):
            if not may_stay:
                guest.turn_out()


doorkeeper: Final = Doorkeeper()
