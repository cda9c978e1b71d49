"""Two real web servers on one Redis that dies, freezes and comes back under real viewers."""

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import RunningServer, start_web

pytestmark = pytest.mark.slow
TOPIC = "overview:10:pharos"


class Watcher:
    """A viewer on one server, who can also ask for its health."""

    def __init__(self, server: RunningServer, cookie: str) -> None:
        self.server = server
        self.cookie = cookie
        self.socket: ClientConnection | None = None

    async def open(self) -> "Watcher":
        self.socket = await connect(
            f"{self.server.websocket_url}/ws/live", origin=self.server.url,
            additional_headers={"Cookie": f"sessionid={self.cookie}"}, open_timeout=30,
            ping_interval=None,
        )  # fmt: skip
        await self.socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
        return self

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.socket is not None
        async with asyncio.timeout(60):
            while not wanted(told := json.loads(await self.socket.recv())):
                pass
            return told

    async def shared(self, *, wanted: bool) -> None:
        for _ in range(2):
            told = await self.until(lambda m: m.get("shared") is wanted)
            assert told["state"] == "ok"

    async def role(self) -> str:
        async with httpx.AsyncClient(cookies={"sessionid": self.cookie}, timeout=10) as client:
            found = await client.get(f"{self.server.url}/health/detailed")
        # Whether the database is asked in time for who asks depends on the machine.
        facts = found.json().get("live", {}).get("watched", {})
        return facts.get(TOPIC, {}).get("role", "unknown")

    async def becomes(self, role: str) -> None:
        async with asyncio.timeout(60):
            while await self.role() != role:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def signal_all(server: RunningServer, how: signal.Signals) -> None:
    parent = psutil.Process(server.process.pid)
    for process in (*parent.children(recursive=True), parent):
        process.send_signal(how)


async def through_trouble(watchers: list[Watcher], own_redis: Any) -> None:
    for watcher in watchers:
        await (await watcher.open()).shared(wanted=True)
    for stop, go_on in ((own_redis.kill, own_redis.start), (own_redis.freeze, own_redis.thaw)):
        await asyncio.to_thread(stop)
        await asyncio.gather(*(watcher.shared(wanted=False) for watcher in watchers))
        await asyncio.to_thread(go_on)
        await asyncio.gather(*(watcher.shared(wanted=True) for watcher in watchers))
    leader, other = watchers
    async with asyncio.timeout(60):
        while await leader.role() != "lead":
            leader, other = other, leader
    await other.becomes("relay")
    signal_all(leader.server, signal.SIGSTOP)
    try:
        await other.becomes("lead")
    finally:
        signal_all(leader.server, signal.SIGCONT)
    await leader.becomes("relay")
    await leader.shared(wanted=True)
    signal_all(other.server, signal.SIGKILL)
    await leader.becomes("lead")
    await leader.shared(wanted=True)


async def watched(watchers: list[Watcher], own_redis: Any) -> None:
    try:
        await through_trouble(watchers, own_redis)
    finally:
        for watcher in watchers:
            if watcher.socket is not None:
                watcher.socket.transport.abort()
                await watcher.socket.wait_closed()


def test_viewers_of_two_servers_go_on_whatever_redis_and_the_leader_do(
    portal_process, cookie, own_redis
):
    servers = [start_web(portal_process, REDIS_URL=own_redis.url) for _ in range(2)]
    watchers = [Watcher(server, cookie) for server in servers]
    asyncio.run(watched(watchers, own_redis))
    for server in servers:
        # Health checks, asked here for the roles, have words of their own for a lost Redis.
        lines = server.log.read_text(errors="replace").splitlines()
        said = [line for line in lines if '"logger": "apps.core.live' in line]
        assert said
        assert not [line for line in said if "Traceback" in line or '"level": "error"' in line]
        assert sum("computed by each process" in line for line in said) <= 3
