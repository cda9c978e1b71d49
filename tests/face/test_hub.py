"""The live hub: one computation a tick for all, the newest state for each, no harm from any."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio
from django.db import OperationalError

from apps.core.errors import UnavailableError
from apps.core.live.hub import Hub, HubFullError
from apps.core.live.slots import Slots
from apps.core.live.topics import Topic, find, register, register_family


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    made = Hub(most_topics=3)
    yield made
    made.close()
    await asyncio.sleep(0)


class Counting:
    """A producer that counts its runs and gives the count."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> dict[str, Any]:
        self.runs += 1
        return {"run": self.runs}


def topic(produce: Callable[[], dict[str, Any]], interval_s: float = 0.01, **more: Any) -> Topic:
    return Topic("t", interval_s, produce, **more)


async def message(slots: Slots) -> dict[str, Any]:
    async with asyncio.timeout(10):
        return orjson.loads((await slots.take())[-1])


async def until(slots: Slots, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while not wanted(found := orjson.loads((await slots.take())[-1])):
            pass
        return found


@pytest.mark.asyncio
async def test_fifty_viewers_share_one_computation_and_the_same_bytes(hub):
    produce = Counting()
    viewers = [Slots() for _ in range(50)]
    for viewer in viewers:
        hub.join(topic(produce, interval_s=60), viewer)
    taken = [await viewer.take() for viewer in viewers]
    assert produce.runs == 1
    assert len({id(messages[0]) for messages in taken}) == 1
    assert orjson.loads(taken[0][0]) | {"at": ""} == {
        "topic": "t", "state": "ok", "at": "", "interval_s": 60, "data": {"run": 1},
    }  # fmt: skip


@pytest.mark.asyncio
async def test_a_viewer_who_comes_later_gets_the_last_state_at_once(hub):
    first, second = Slots(), Slots()
    hub.join(topic(Counting(), interval_s=60), first)
    early = await first.take()
    hub.join(topic(Counting(), interval_s=60), second)
    assert await second.take() == early


@pytest.mark.asyncio
async def test_a_slow_viewer_skips_to_the_newest_state():
    slots = Slots()
    slots.offer("a", b"1")
    slots.offer("a", b"2")
    slots.offer("b", b"3")
    assert await slots.take() == [b"2", b"3"]
    assert slots.skipped == 1
    slots.offer("a", b"4")
    slots.forget("a")
    assert await slots.take() == []


@pytest.mark.asyncio
async def test_the_producer_rests_once_nobody_looks(hub):
    produce, viewer = Counting(), Slots()
    hub.join(topic(produce), viewer)
    await until(viewer, lambda m: m["data"]["run"] >= 2)
    hub.leave("t", viewer)
    hub.leave("t", viewer)
    # Stopped means: whoever comes next starts a new producer, and the old one runs no more.
    assert hub.facts() == {"topics": 0, "viewers": 0}
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
    assert hub.facts() == {"topics": 1, "viewers": 1}


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
    assert (await until(viewer, lambda m: True))["state"] == "ok"
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
    assert hub.facts() == {"topics": 3, "viewers": 4}


def test_topics_are_found_by_name_or_family():
    fixed = Topic("fixed-test-topic", 1, dict)
    register(fixed)
    register_family("family-test", lambda rest: Topic(rest, 1, dict) if rest == "known" else None)
    assert find("fixed-test-topic") is fixed
    found = find("family-test:known")
    assert found is not None
    assert found.name == "known"
    for unknown in ("", "family-test", "family-test:", "family-test:x", "no:known", "x" * 300):
        assert find(unknown) is None
