"""One socket from subscription to farewell, with the server's side of it in the test's hands."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import pytest_asyncio

from apps.core.live import consumer, topics
from apps.core.live.consumer import LiveConsumer
from apps.core.live.doorkeeper import Doorkeeper
from apps.core.live.hub import Hub
from apps.core.live.topics import Topic
from tests.core.live.viewers import eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


class Socket:
    """What the server does: hands messages in, takes what is sent."""

    def __init__(self, user: Any) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.stuck = False
        scope = {
            "type": "websocket", "user": user, "session": SimpleNamespace(session_key="key"),
        }  # fmt: skip
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(LiveConsumer.as_asgi()(scope, self.incoming.get, self.send))

    async def send(self, message: dict[str, Any]) -> None:
        if self.stuck and message["type"] == "websocket.send":
            await asyncio.Event().wait()
        self.sent.append(message)

    def say(self, action: str, *names: str) -> None:
        text = orjson.dumps({"action": action, "topics": names}).decode()
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def told(self) -> list[dict[str, Any]]:
        return [orjson.loads(m["bytes"]) for m in self.sent if m["type"] == "websocket.send"]

    def code(self) -> int | None:
        return next((m["code"] for m in self.sent if m["type"] == "websocket.close"), None)

    async def leave(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(20):
            await self.task


@pytest_asyncio.fixture
async def hub(monkeypatch, thread_closed):
    made = Hub()
    monkeypatch.setattr(consumer, "hub", lambda: made)
    monkeypatch.setattr(consumer, "doorkeeper", Doorkeeper())
    monkeypatch.setattr(
        topics, "_filtered",
        {"lines": (lambda rest, wanted: Topic("x", 0.02, lambda: dict(wanted)), {"a", "b"})},
    )  # fmt: skip
    yield made
    await made.close()


def person(**more: Any) -> Any:
    facts = {"pk": 1, "is_authenticated": True, "is_active": True, "is_staff": True}
    return SimpleNamespace(**{**facts, **more})


async def test_a_filter_is_one_topic_however_it_is_spelled(hub):
    first, second = Socket(person()), Socket(person())
    first.say("subscribe", "lines?b=2&a=1", "lines?a=1&b=2&")
    second.say("subscribe", "lines?a=1&b=%32")
    await eventually(lambda: bool(first.told() and second.told()))
    assert list(hub.facts()["watched"]) == ["lines?a=1&b=2"]
    assert hub.facts()["viewers"] == 2
    assert first.told()[0]["topic"] == "lines?a=1&b=2"
    assert first.told()[0]["data"] == {"a": "1", "b": "2"}
    first.say("unsubscribe", "lines?b=2&a=1")
    await eventually(lambda: hub.facts()["viewers"] == 1)
    for socket in (first, second):
        await socket.leave()
    assert hub.facts()["topics"] == 0


async def test_a_filter_the_topic_does_not_take_is_refused_alone(hub):
    socket = Socket(person())
    socket.say(
        "subscribe", "lines?c=1", "lines?a=" + "x" * 200, "lines?" + "a=1&" * 99, "lines?a=1"
    )
    await eventually(lambda: {m["state"] for m in socket.told()} >= {"refused", "ok"})
    await eventually(lambda: sum(m["state"] == "refused" for m in socket.told()) == 3)
    assert list(hub.facts()["watched"]) == ["lines?a=1"]
    await socket.leave()


async def test_who_takes_nothing_is_closed_with_4408(hub, monkeypatch):
    monkeypatch.setattr(consumer, "_SEND_TIMEOUT_S", 0.05)
    socket = Socket(person())
    socket.stuck = True
    socket.say("subscribe", "lines?a=1")
    await eventually(lambda: socket.code() is not None)
    assert socket.code() == 4408
    assert hub.facts()["viewers"] == 0
    await socket.leave()


async def test_one_may_not_watch_ever_more_topics(hub):
    socket = Socket(person())
    for number in range(20):
        socket.say("subscribe", f"lines?a={number}")
    await eventually(lambda: any(m.get("code") == "too_many" for m in socket.told()))
    await eventually(lambda: hub.facts()["topics"] == 16)
    await socket.leave()
    assert hub.facts()["topics"] == 0


@pytest.mark.parametrize(
    ("user", "code"),
    [(None, 4401), (person(is_authenticated=False), 4401), (person(is_staff=False), 4403),
     (person(is_active=False), 4403)],
)  # fmt: skip
async def test_who_may_not_watch_is_told_why(hub, user, code):
    socket = Socket(user)
    socket.say("subscribe", "lines")
    await eventually(lambda: socket.code() is not None)
    assert socket.code() == code
    await socket.leave()
    assert socket.told() == []


async def test_a_task_the_server_drops_leaves_nothing(hub):
    socket = Socket(person())
    socket.say("subscribe", "lines?a=1")
    await eventually(lambda: hub.facts()["viewers"] == 1)
    socket.task.cancel()
    await asyncio.wait({socket.task})
    assert (hub.facts()["viewers"], consumer.doorkeeper.guests) == (0, 0)
