"""Several processes of one portal: one computes, all have it, and Redis may do what it likes."""

import asyncio
import threading

import orjson
import pytest

from apps.core.live import envelope
from apps.core.live.envelope import Stored
from apps.core.live.messages import Message
from apps.core.live.slots import Slots
from tests.core.live.viewers import eventually, message, take, topic, until

pytestmark = pytest.mark.asyncio


def roles(*portals):
    return sorted(portal.role for portal in portals)


async def settled(*portals):
    """One leads, the others relay, and each viewer is told so."""
    await eventually(lambda: roles(*portals) == ["lead"] + ["relay"] * (len(portals) - 1))
    for portal in portals:
        await until(portal.viewer, lambda m: m.get("shared", True))


async def test_one_process_computes_and_all_send_the_same_bytes(portals):
    first, second, third = (portals() for _ in range(3))
    early = await take(first.watch(interval_s=60).viewer)
    for other in (second, third):
        assert await take(other.watch(interval_s=60).viewer) == early
        assert other.produce.runs == 0
    told = orjson.loads(early[0])
    assert (told["shared"], told["data"]) == (True, {"run": 1})
    assert roles(first, second, third) == ["lead", "relay", "relay"]


async def test_the_others_follow_each_tick_without_computing(portals):
    first, second = portals().watch(), portals()
    await message(first.viewer)
    second.watch()
    seen = []
    while len(seen) < 5:
        seen.append((await until(second.viewer, lambda m: m["state"] == "ok"))["data"]["run"])
    assert seen == sorted(set(seen))
    assert second.produce.runs == 0


async def test_another_takes_over_from_one_who_leaves(portals):
    first, second = portals().watch(interval_s=1.5), portals()
    last = await message(first.viewer)
    assert (await message(second.watch(interval_s=1.5).viewer))["data"] == last["data"]
    first.hub.leave("t", first.viewer)
    told = await message(second.viewer)
    # Its first run gives what the other's first run gave.
    assert (second.role, told["state"]) == ("lead", "same")
    assert told["at"] > last["at"]
    assert (first.produce.runs, second.produce.runs) == (1, 1)


async def test_one_who_takes_over_knows_the_last_values(portals):
    first, second = portals().watch(interval_s=0.5), portals()
    await message(first.viewer)

    def fail():
        raise ValueError

    second.hub.join(topic(fail, interval_s=0.5), second.viewer)
    known = (await message(second.viewer))["data"]
    assert known is not None
    first.hub.leave("t", first.viewer)
    told = await until(second.viewer, lambda m: m["state"] == "error")
    assert (told["code"], told["data"]) == ("failed", {"run": first.produce.runs})
    assert told["data_age_s"] > 0


async def test_nobody_else_computes_while_the_leader_is_still_at_it(portals):
    release = threading.Event()
    first, second = portals(), portals()

    def slow():
        release.wait(30)
        return {"slow": True}

    first.hub.join(topic(slow, interval_s=0.2), first.viewer)
    await eventually(lambda: first.role == "lead")
    second.watch()
    # Three times the lease: without renewing it would have run out.
    await asyncio.sleep(3 * (1.5 * 0.2 + 0.5))
    assert (first.role, second.role, second.produce.runs) == ("lead", "relay", 0)
    release.set()
    assert (await message(second.viewer))["data"] == {"slow": True}


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_with_redis_gone_each_computes_and_they_share_again_when_it_is_back(
    portals, own_redis, how, caplog
):
    pair = [portals().watch() for _ in range(2)]
    await settled(*pair)
    for _ in range(2):
        getattr(own_redis, how)()
        for portal in pair:
            told = await until(portal.viewer, lambda m: m["state"] == "ok" and not m["shared"])
            assert portal.role == "alone"
            run = told["data"]["run"]
            # It goes on, tick after tick.
            await until(portal.viewer, lambda m, run=run: m["data"]["run"] >= run + 3)
            assert portal.hub.facts()["shared"] is False
        {"kill": own_redis.start, "freeze": own_redis.thaw}[how]()
        await settled(*pair)
        follower = next(portal for portal in pair if portal.role == "relay")
        runs = follower.produce.runs
        for _ in range(5):
            await message(follower.viewer)
        assert follower.produce.runs == runs
    # Nothing piles up: one connection each, one line each time it went and came.
    await eventually(lambda: own_redis.clients() <= 2)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) <= 2 * 2
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


async def test_an_emptied_redis_is_nobodys_trouble(portals, own_redis):
    pair = [portals().watch() for _ in range(2)]
    await settled(*pair)
    for _ in range(3):
        own_redis.ask("FLUSHALL")
        own_redis.ask("SCRIPT", "FLUSH")
        await settled(*pair)
        assert not any(portal.sharing.away for portal in pair)


async def test_a_redis_that_was_never_there_is_looked_for_quietly(portals, own_redis):
    own_redis.kill()
    alone = portals().watch()
    assert (await message(alone.viewer))["shared"] is False
    own_redis.start()
    await until(alone.viewer, lambda m: m["state"] == "ok" and m["shared"])


@pytest.mark.parametrize("setting", [("maxmemory", "1"), ("min-replicas-to-write", "3")])
async def test_a_redis_that_takes_no_writes_counts_as_away(portals, own_redis, setting):
    own_redis.ask("CONFIG", "SET", *setting)
    alone = portals().watch()
    assert (await message(alone.viewer))["shared"] is False
    assert (await message(alone.viewer))["shared"] is False
    own_redis.ask("CONFIG", "SET", setting[0], "0")
    await until(alone.viewer, lambda m: m["shared"])


async def test_old_never_replaces_new(portals):
    stopped, other = portals().sharing, portals().sharing
    before = await stopped.turn("t", "a", 0, 0.05)
    assert before.leads
    await asyncio.sleep(0.06)
    turn = await other.turn("t", "b", 0, 60)
    assert turn.leads
    assert turn.now_us > before.now_us
    assert await other.publish("t", "b", Stored(turn.now_us, Message(b"new")), 60)
    # The one whose lease ran out goes on with what it was about to say.
    assert await stopped.publish("t", "a", Stored(before.now_us, Message(b"old")), 60) is False
    # And so may a command of the leader itself that a frozen Redis runs late.
    late = Stored(turn.now_us - 1, Message(b"late"))
    assert await other.publish("t", "b", late, 60) is False
    heard = await stopped.turn("t", "a", 0, 60)
    assert (heard.leads, heard.newest.message.full) == (False, b"new")
    assert (await stopped.turn("t", "a", turn.now_us, 60)).newest is None
    await stopped.release("t", "a")
    assert not (await stopped.turn("t", "a", 0, 60)).leads
    await other.release("t", "b")
    assert (await stopped.turn("t", "a", 0, 60)).leads


async def test_a_clock_that_is_set_back_stops_nothing(portals):
    pair = [portals().watch() for _ in range(2)]
    await settled(*pair)
    for portal in pair:
        show = portal.hub._audiences["t"].show
        show._version += 3_600_000_000
    await settled(*pair)
    for portal in pair:
        await message(portal.viewer)


async def test_portals_with_another_database_or_secret_do_not_mix(portals):
    first = portals().watch(interval_s=60)
    other_space = portals(space="there").watch(interval_s=60)
    other_secret = portals(secret=b"stolen")
    for portal in (first, other_space):
        assert (await message(portal.viewer))["data"] == {"run": 1}
        assert (portal.role, portal.produce.runs) == ("lead", 1)
    other_secret.watch(interval_s=60)
    await eventually(lambda: other_secret.sharing.ignored > 0)
    assert other_secret.viewer.pop() is None


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("newest", ["SET", "{}", b"9" * 20 + b"x" * 200]),
        ("newest", ["SET", "{}", b"\xff" * 5000]),
        ("newest", ["SET", "{}", b"9" * (envelope.MOST_BYTES + 1)]),
        ("newest", ["SET", "{}", b""]),
        ("newest", ["RPUSH", "{}", "a"]),
        ("lease", ["RPUSH", "{}", "a"]),
        ("lease", ["SET", "{}", "somebody"]),
        ("lease", ["SET", "{}", ""]),
    ],
)
async def test_foreign_values_under_our_keys_stop_nothing(portals, own_redis, key, command):
    first, second = portals(), portals()
    name = f"{first.sharing._key('t')}:{key}"
    hostile = [name if word == "{}" else word for word in command]

    def write():
        own_redis.ask("DEL", name)
        own_redis.ask(*hostile)

    write()
    for portal in (first, second):
        portal.watch()
    await settled(first, second)
    write()
    await settled(first, second)
    assert not first.sharing.away


async def test_what_is_too_big_to_share_is_shown_all_the_same(portals):
    first, second = portals(), portals()
    huge = "x" * envelope.MOST_BYTES
    for portal in (first, second):
        portal.hub.join(topic(lambda: {"huge": huge}, 0.2), portal.viewer)
    for portal in (first, second):
        assert (await until(portal.viewer))["shared"] is False
        await message(portal.viewer)


async def test_many_leave_and_come_and_no_connection_is_left(portals, own_redis):
    portal = portals()
    for _ in range(30):
        viewers = [Slots() for _ in range(5)]
        for viewer in viewers:
            portal.hub.join(topic(portal.produce), viewer)
        await asyncio.sleep(0.003)
        for viewer in viewers:
            portal.hub.leave("t", viewer)
    await eventually(lambda: not portal.hub._ending)
    assert portal.hub.facts()["topics"] == 0
    await eventually(lambda: own_redis.clients() <= 1)
    assert await message(portal.watch().viewer)
    await portal.hub.close()
    await eventually(lambda: own_redis.clients() == 0)
