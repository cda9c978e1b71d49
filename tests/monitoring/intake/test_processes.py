"""Intake processes that hang, requests that are given up, and what a process tells of itself."""

import asyncio
import json
import os
import signal

import pytest

from apps.monitoring import recorder
from apps.monitoring.intake import frames, processes
from apps.monitoring.intake.processes import Process
from apps.monitoring.intake.reply import RefusalError
from apps.monitoring.intake.worker import Server
from apps.monitoring.recorder.relay import Relay

HEAD = json.dumps({"path": "/v1/logs", "is_json": False, "encoding": "", "received_ns": 1}).encode()


class Wire:
    """Both ends of frames.write in one: what is written can be read."""

    def __init__(self):
        self.reader = asyncio.StreamReader()

    def write(self, data):
        self.reader.feed_data(bytes(data))


def test_a_process_that_hangs_is_ended_and_the_sender_told_to_come_again(monkeypatch):
    monkeypatch.setattr(processes, "_ANSWER_S", 0.5)

    async def ask():
        process = Process()
        await process.start()
        try:
            os.kill(process.pid, signal.SIGSTOP)
            with pytest.raises(RefusalError) as refused:
                await process.ask(HEAD, [], 0)
            assert refused.value.status == 503
            async with asyncio.timeout(30):
                await process.ended()
            assert not process.alive
        finally:
            await process.ended()

    asyncio.run(ask())


def test_a_request_given_up_half_way_leaves_nothing_behind_in_the_process():
    async def serve():
        wire = Wire()
        frames.write(wire, frames.HEAD, 1, HEAD)
        frames.write(wire, frames.BODY, 1, b"half of it")
        frames.write(wire, frames.GIVEN_UP, 1)
        # What came too late to have begun is given up as well.
        frames.write(wire, frames.GIVEN_UP, 2)
        wire.reader.feed_eof()
        server = Server(wire.reader, wire, 1000)
        await server.serve()
        assert (server._bodies, server._jobs, server._tasks) == ({}, {}, set())

    asyncio.run(serve())


def test_what_a_process_without_a_recorder_counts_arrives_in_sum_once(monkeypatch):
    relay = Relay()
    for n in (2, 3):
        relay.count("pharos.test", n, "{item}", {"state": "sent", "destination": "d"})
    relay.gauge("pharos.fill", 1, "1", None)
    relay.gauge("pharos.fill", 7, "1", None)
    told = json.loads(json.dumps(relay.take()))
    seen = []
    monkeypatch.setattr(recorder, "count", lambda *one: seen.append(one))
    monkeypatch.setattr(recorder, "gauge", lambda *one: seen.append(one))
    recorder.take_over(told)
    assert seen == [
        ("pharos.test", 5, "{item}", {"destination": "d", "state": "sent"}),
        ("pharos.fill", 7, "1", {}),
    ]
    assert relay.take() == []
