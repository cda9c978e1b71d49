"""One socket's way out: at once while it keeps up, the newest state once it does not."""

import asyncio
from typing import Any

import pytest

from apps.core.live.messages import Message
from apps.core.live.slots import Slots
from apps.core.live.wire import Wire, with_wire
from tests.core.live.viewers import eventually

pytestmark = pytest.mark.asyncio


class Peer:
    """Like Granian's `send`: it starts at once and hands back something like a future."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.flights: list[asyncio.Future[None]] = []
        self.open = True

    def send(self, message: dict[str, Any]) -> Any:
        self.got.append(message["bytes"])
        flight = asyncio.get_running_loop().create_future()
        self.flights.append(flight)
        if self.open:
            flight.set_result(None)
        return flight


async def test_who_keeps_up_is_sent_to_at_once_and_no_task_wakes():
    peer = Peer()
    wire = Wire({}, peer.send)
    slots = Slots(wire.try_send)
    for number in range(3):
        slots.offer("a", Message(b"%d" % number))
    assert peer.got == [b"0", b"1", b"2"]
    assert slots.pop() is None
    assert slots.skipped == 0


async def test_who_does_not_keep_up_gets_the_newest_in_order():
    peer = Peer()
    wire = Wire({}, peer.send)
    slots = Slots(wire.try_send)
    peer.open = False
    slots.offer("a", Message(b"a1"))
    for number in (2, 3):
        slots.offer("a", Message(b"a%d" % number))
        slots.offer("b", Message(b"b%d" % number))
    assert peer.got == [b"a1"]
    sending = asyncio.create_task(wire.send_all(slots.pop, 10))
    await asyncio.sleep(0)
    peer.flights[0].set_result(None)
    await eventually(lambda: len(peer.got) == 2)
    # Nothing overtakes what is about to be sent, though no slot is filled meanwhile.
    slots.offer("b", Message(b"b4"))
    slots.offer("c", Message(b"c1"))
    peer.open = True
    peer.flights[1].set_result(None)
    await sending
    assert peer.got == [b"a1", b"a3", b"b4", b"c1"]
    assert slots.skipped == 3


async def test_who_takes_nothing_is_given_up():
    peer = Peer()
    wire = Wire({}, peer.send)
    peer.open = False
    assert wire.try_send(b"1")
    with pytest.raises(TimeoutError):
        await wire.send_all(lambda: None, 0.01)


@pytest.mark.parametrize("answer", [None, object()])
async def test_a_socket_that_is_gone_is_no_trouble(answer):
    wire = Wire({}, lambda _message: answer)
    assert wire.try_send(b"1")
    assert wire.try_send(b"2")
    await wire.send_all(iter([b"3", None]).__next__, 1)


async def test_a_server_whose_send_is_a_coroutine_is_served_too():
    got: list[bytes] = []
    release = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        await release.wait()
        got.append(message["bytes"])
        raise ConnectionError

    wire = Wire({}, send)
    assert wire.try_send(b"1")
    assert not wire.try_send(b"2")
    release.set()
    await eventually(lambda: wire.try_send(b"3"))
    assert got == [b"1"]


async def test_the_servers_own_send_is_used_beneath_whatever_wraps_it():
    peer = Peer()

    async def application(scope, receive, send):
        async def wrapped(message):
            raise AssertionError

        Wire(scope, wrapped).try_send(b"1")

    await with_wire(application)({"type": "websocket"}, None, peer.send)
    assert peer.got == [b"1"]
