"""What the tests of live topics share: viewers, producers that count, and a Redis to maltreat."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import redis

from apps.core.embedded import redis as embedded_redis
from apps.core.embedded.home import Home
from apps.core.live.hub import Hub
from apps.core.live.sharing import Sharing
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic
from tests.servers import _die_at_once


class Counting:
    """A producer that counts its runs and gives the count."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> dict[str, Any]:
        self.runs += 1
        return {"run": self.runs}


def topic(produce: Callable[[], dict[str, Any]], interval_s: float = 0.01, **more: Any) -> Topic:
    return Topic("t", interval_s, produce, **more)


async def take(slots: Slots) -> list[bytes]:
    """Wait for something, then take all of it."""
    found: list[bytes] = []
    while not found:
        async with asyncio.timeout(20):
            await slots.filled()
        while (message := slots.pop()) is not None:
            found.append(message)
    return found


async def message(slots: Slots) -> dict[str, Any]:
    return orjson.loads((await take(slots))[-1])


async def until(
    slots: Slots, wanted: Callable[[dict[str, Any]], bool] = lambda _: True
) -> dict[str, Any]:
    """The first message that is wanted."""
    async with asyncio.timeout(30):
        while not wanted(found := await message(slots)):
            pass
        return found


async def eventually(holds: Callable[[], bool]) -> None:
    """Let the loop run until it holds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Portal:
    """The hub of one process as the tests see it: its own connection, its own producer."""

    def __init__(self, url: str, space: str = "here", secret: bytes = b"secret") -> None:
        self.sharing = Sharing(url, space, secret)
        self.hub = Hub(self.sharing)
        self.produce = Counting()
        self.viewer = Slots()

    def watch(self, interval_s: float = 0.2, **more: Any) -> "Portal":
        self.hub.join(topic(self.produce, interval_s, **more), self.viewer)
        return self

    @property
    def role(self) -> str:
        return self.hub.facts()["watched"]["t"]["role"]


class OwnRedis:
    """A Redis of its own that a test may stop, freeze and empty."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.make()
        self.url = self.home.redis_url
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            embedded_redis.command(self.home), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=partial(_die_at_once, signal.SIGKILL),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("PING")
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *command: Any) -> Any:
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)

    def clients(self) -> int:
        with redis.Redis.from_url(self.url) as client:
            return len(client.client_list()) - 1
