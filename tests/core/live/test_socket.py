"""`ws/live` on the real server: who may watch, what is refused, and that it all ends quietly."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import websockets
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from websockets.asyncio.client import connect

from tests.conftest import STAFF_PASSWORD

TOPIC = "overview:10:pharos"


def address(server: Any) -> str:
    return f"{server.websocket_url}/ws/live"


def as_user(server: Any, cookie: str, origin: str | None = None) -> Any:
    return connect(
        address(server), origin=origin or server.url,
        additional_headers={"Cookie": f"sessionid={cookie}"}, open_timeout=20,
    )  # fmt: skip


async def closed_with(socket: Any) -> int:
    async with asyncio.timeout(60):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_staff_get_figures_and_the_newest_points(portal_server, cookie):
    async def watch() -> dict[str, Any]:
        async with as_user(portal_server, cookie) as socket:
            await socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
            async with asyncio.timeout(30):
                return json.loads(await socket.recv())

    told = run(watch())
    assert told["topic"] == TOPIC
    assert told["state"] == "ok"
    assert set(told["data"]) >= {"tiles", "panels", "components", "alerts", "newest_at"}


def test_the_anonymous_are_closed_with_4401(portal_server):
    async def watch() -> int:
        async with connect(address(portal_server), origin=portal_server.url) as socket:
            return await closed_with(socket)

    assert run(watch()) == 4401


def test_users_who_are_not_staff_are_closed_with_4403(portal_server, transactional_db):
    client = Client()
    client.force_login(User.objects.create_user("visitor", password=STAFF_PASSWORD))

    async def watch() -> int:
        async with as_user(portal_server, client.cookies["sessionid"].value) as socket:
            return await closed_with(socket)

    assert run(watch()) == 4403


def test_a_foreign_origin_is_refused_even_with_a_good_cookie(portal_server, cookie):
    async def watch() -> None:
        async with as_user(portal_server, cookie, origin="https://evil.example"):
            pass

    with pytest.raises(websockets.InvalidStatus) as refused:
        run(watch())
    assert refused.value.response.status_code == 403


def test_a_revoked_session_is_closed_within_half_a_minute(portal_server, cookie, session):
    def revoke() -> None:
        session.delete()
        connection.close()

    async def watch() -> int:
        async with as_user(portal_server, cookie) as socket:
            await socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
            await socket.recv()
            await asyncio.to_thread(revoke)
            async with asyncio.timeout(30):
                return await closed_with(socket)

    assert run(watch()) == 4403


@pytest.mark.parametrize(
    "sent",
    [
        "not json",
        "[]",
        '{"action": "explode", "topics": []}',
        '{"action": "subscribe", "topics": [1]}',
        '{"action": "subscribe", "topics": [], "more": 1}',
        '{"action": "subscribe", "topics": ["' + "x" * 5000 + '"]}',
        b"\xff\xfe",
        "[" * 3000,
    ],
)
def test_a_message_that_makes_no_sense_closes_the_socket(portal_server, cookie, sent):
    async def watch() -> int:
        async with as_user(portal_server, cookie) as socket:
            await socket.send(sent)
            return await closed_with(socket)

    assert run(watch()) == 4400


@pytest.mark.parametrize(
    "name", ["nothing", "overview:10:nobody", "overview:99:pharos", "overview:10:\0", ""]
)
def test_an_unknown_topic_is_refused_and_the_socket_lives_on(portal_server, cookie, name):
    async def watch() -> tuple[Any, Any]:
        async with as_user(portal_server, cookie) as socket:
            await socket.send(json.dumps({"action": "subscribe", "topics": [name]}))
            async with asyncio.timeout(20):
                refused = json.loads(await socket.recv())
                await socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
                return refused, json.loads(await socket.recv())

    refused, told = run(watch())
    assert refused["state"] == "refused"
    assert refused["code"] == "unknown"
    assert told["state"] == "ok"


def test_a_chatterer_is_closed(portal_server, cookie):
    async def watch() -> int:
        async with as_user(portal_server, cookie) as socket:
            wish = json.dumps({"action": "unsubscribe", "topics": ["x"]})
            for _ in range(60):
                try:
                    await socket.send(wish)
                except websockets.ConnectionClosed:
                    break
            return await closed_with(socket)

    assert run(watch()) == 4429


async def facts(server: Any, cookie: str) -> dict[str, Any]:
    """What the health report says of live topics."""
    async with httpx.AsyncClient(cookies={"sessionid": cookie}, timeout=10) as client, \
            asyncio.timeout(60):  # fmt: skip
        while True:
            # Whether the database says in time who asks depends on the machine.
            found = (await client.get(f"{server.url}/health/detailed")).json()
            if "live" in found:
                return found["live"]


async def crowd(server: Any, cookie: str, size: int) -> list[Any]:
    """So many viewers, each of whom has been told something."""
    sockets = []
    for _ in range(0, size, 50):
        sockets += await asyncio.gather(*(as_user(server, cookie) for _ in range(50)))
    wish = json.dumps({"action": "subscribe", "topics": [TOPIC]})
    await asyncio.gather(*(socket.send(wish) for socket in sockets))
    async with asyncio.timeout(60):
        told = await asyncio.gather(*(socket.recv() for socket in sockets))
    assert {json.loads(message)["state"] for message in told} == {"ok"}
    return sockets


def test_three_hundred_viewers_leaving_at_once_raise_nothing_and_leave_nothing(
    portal_server, cookie
):
    before = portal_server.log.read_text(errors="replace")

    async def come_and_go() -> tuple[list[dict[str, Any]], str]:
        empty = await facts(portal_server, cookie)
        sockets = await crowd(portal_server, cookie, 300)
        full = await facts(portal_server, cookie)
        # Gone without a farewell, as when a network drops.
        for socket in sockets:
            socket.transport.abort()
        async with asyncio.timeout(60):
            # As many tasks as before, but for the few that answer what was just asked.
            while True:
                left = await facts(portal_server, cookie)
                if not left["sockets"] + left["topics"] and left["tasks"] <= empty["tasks"] + 20:
                    break
        (again,) = await crowd_of_one(portal_server, cookie)
        return [empty, full, left], again

    (empty, full, left), again = run(come_and_go())
    assert (empty["viewers"], full["viewers"], left["viewers"]) == (0, 300, 0)
    assert (full["topics"], full["sockets"], left["topics"]) == (1, 300, 0)
    assert full["watched"][TOPIC]["role"] == "lead"
    assert again == "ok"
    said = portal_server.log.read_text(errors="replace")[len(before) :]
    assert "Traceback" not in said
    assert '"level": "error"' not in said


async def crowd_of_one(server: Any, cookie: str) -> list[str]:
    async with as_user(server, cookie) as socket:
        await socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
        async with asyncio.timeout(30):
            return [json.loads(await socket.recv())["state"]]


def test_a_viewer_who_is_deactivated_is_closed_within_half_a_minute(portal_server, cookie, account):
    def deactivate() -> None:
        User.objects.filter(pk=account.pk).update(is_active=False)
        connection.close()

    async def watch() -> int:
        async with as_user(portal_server, cookie) as socket:
            await socket.send(json.dumps({"action": "subscribe", "topics": [TOPIC]}))
            await socket.recv()
            await asyncio.to_thread(deactivate)
            async with asyncio.timeout(30):
                return await closed_with(socket)

    assert run(watch()) == 4403
