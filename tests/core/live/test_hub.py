"""The live hub: one computation a tick for all, the newest state for each, no harm from any."""

import threading
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from django.db import OperationalError

from apps.core.errors import UnavailableError
from apps.core.live.hub import Hub, HubFullError
from apps.core.live.messages import Message
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic
from tests.core.live.viewers import Counting, message, take, topic, until


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    made = Hub(most_topics=3)
    yield made
    await made.close()


@pytest.mark.asyncio
async def test_fifty_viewers_share_one_computation_and_the_same_bytes(hub):
    produce = Counting()
    viewers = [Slots() for _ in range(50)]
    for viewer in viewers:
        hub.join(topic(produce, interval_s=60), viewer)
    taken = [await take(viewer) for viewer in viewers]
    assert produce.runs == 1
    assert len({id(messages[0]) for messages in taken}) == 1
    assert orjson.loads(taken[0][0]) | {"at": ""} == {
        "topic": "t", "state": "ok", "at": "", "interval_s": 60, "shared": False,
        "data": {"run": 1},
    }  # fmt: skip


@pytest.mark.asyncio
async def test_a_viewer_who_comes_later_gets_the_last_state_at_once(hub):
    first, second = Slots(), Slots()
    hub.join(topic(Counting(), interval_s=60), first)
    early = await take(first)
    hub.join(topic(Counting(), interval_s=60), second)
    assert await take(second) == early


@pytest.mark.asyncio
async def test_a_slow_viewer_skips_to_the_newest_state():
    slots = Slots()
    slots.offer("a", Message(b"1"))
    slots.offer("a", Message(b"2"))
    slots.offer("b", Message(b"3"))
    assert await take(slots) == [b"2", b"3"]
    assert slots.skipped == 1
    slots.offer("a", Message(b"4"))
    slots.forget("a")
    assert slots.pop() is None


@pytest.mark.asyncio
async def test_unchanged_data_is_told_in_short_and_changed_data_whole(hub):
    figures = {"cpu": 7}
    viewer = Slots()
    hub.join(topic(lambda: dict(figures)), viewer)
    first = await message(viewer)
    same = await message(viewer)
    assert (first["state"], first["data"]) == ("ok", {"cpu": 7})
    assert set(same) == {"topic", "state", "at"}
    assert (same["topic"], same["state"]) == ("t", "same")
    assert same["at"] > first["at"]
    figures["cpu"] = 8
    assert (await until(viewer, lambda m: m["state"] == "ok"))["data"] == {"cpu": 8}
    late = Slots()
    hub.join(topic(dict), late)
    # Who comes now was never sent the data, whatever the others are told.
    assert (await message(late))["data"] == {"cpu": 8}


def test_a_viewer_who_missed_a_change_is_never_told_that_nothing_changed():
    one, two = (Message(b"full" + d, b"brief" + d, d) for d in (b"1", b"2"))
    slots = Slots()
    slots.offer("a", one)
    assert slots.pop() == b"full1"
    slots.offer("a", one)
    assert slots.pop() == b"brief1"
    slots.offer("a", two)
    slots.offer("a", two)
    assert slots.pop() == b"full2"
    slots.offer("a", Message(b"error"))
    assert slots.pop() == b"error"
    slots.offer("a", two)
    assert slots.pop() == b"full2"
    slots.forget("a")
    slots.offer("a", two)
    assert slots.pop() == b"full2"


@pytest.mark.asyncio
async def test_the_producer_rests_once_nobody_looks(hub):
    produce, viewer = Counting(), Slots()
    hub.join(topic(produce), viewer)
    await until(viewer, lambda m: m["data"]["run"] >= 2)
    hub.leave("t", viewer)
    hub.leave("t", viewer)
    # Stopped means: whoever comes next starts a new producer, and the old one runs no more.
    assert (hub.facts()["topics"], hub.facts()["viewers"]) == (0, 0)
    runs = produce.runs
    fresh = Counting()
    other = Slots()
    hub.join(topic(fresh), other)
    await until(other, lambda m: m["data"]["run"] >= 5)
    assert produce.runs <= runs + 1


@pytest.mark.asyncio
async def test_two_hundred_viewers_leave_at_once_while_messages_flow(hub):
    produce = Counting()
    viewers = [Slots() for _ in range(200)]
    for viewer in viewers:
        hub.join(topic(produce, interval_s=0.001), viewer)
    await message(viewers[-1])
    for viewer in viewers[:-1]:
        hub.leave("t", viewer)
    after = await message(viewers[-1])
    assert after["state"] == "ok"
    assert (hub.facts()["topics"], hub.facts()["viewers"]) == (1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("secret dsn"), "database"),
        (ValueError("secret"), "failed"),
        (UnavailableError("Narrow the range."), "unavailable"),
    ],
)
async def test_a_failing_producer_is_told_with_the_last_values_and_their_age(hub, error, code):
    good = threading.Event()
    good.set()

    def produce() -> dict[str, Any]:
        if not good.is_set():
            raise error
        return {"cpu": 7}

    viewer = Slots()
    hub.join(topic(produce), viewer)
    assert (await until(viewer))["state"] == "ok"
    good.clear()
    told = await until(viewer, lambda m: m["state"] == "error")
    assert told["code"] == code
    assert told["data"] == {"cpu": 7}
    assert told["data_age_s"] >= 0
    assert "secret" not in told["message"]
    good.set()
    assert (await until(viewer, lambda m: m["state"] == "ok"))["data"] == {"cpu": 7}


@pytest.mark.asyncio
async def test_a_producer_that_never_had_data_says_so(hub):
    def produce() -> dict[str, Any]:
        raise ValueError

    viewer = Slots()
    hub.join(topic(produce), viewer)
    told = await message(viewer)
    assert told["data"] is None
    assert told["data_at"] is None
    assert told["data_age_s"] is None


@pytest.mark.asyncio
async def test_a_late_producer_is_waited_for_and_never_started_twice(hub):
    release, running, most = threading.Event(), [], []

    def produce() -> dict[str, Any]:
        running.append(1)
        most.append(len(running))
        release.wait(10)
        running.pop()
        return {}

    viewer = Slots()
    hub.join(topic(produce, timeout_s=0.02), viewer)
    assert (await message(viewer))["code"] == "late"
    assert (await message(viewer))["code"] == "late"
    release.set()
    assert (await until(viewer, lambda m: m["state"] == "ok"))["data"] == {}
    assert max(most) == 1


@pytest.mark.asyncio
async def test_the_number_of_topics_is_bounded(hub):
    for number in range(3):
        hub.join(Topic(f"t{number}", 60, dict), Slots())
    with pytest.raises(HubFullError):
        hub.join(Topic("one too many", 60, dict), Slots())
    hub.join(Topic("t0", 60, dict), Slots())
    assert (hub.facts()["topics"], hub.facts()["viewers"]) == (3, 4)
