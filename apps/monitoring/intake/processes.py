"""The intake processes of this web process: started when telemetry comes, replaced when they die.

What a process had in hand when it died is answered with 503: nothing of it was acknowledged, and
the sender's retry is recognised if it was committed after all.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import orjson
from django.conf import settings

from apps.monitoring import recorder
from apps.monitoring.intake import committed, frames, limits
from apps.monitoring.intake.commit import QUEUE_BYTES, QUEUE_ROWS, committer
from apps.monitoring.intake.reply import RefusalError
from apps.monitoring.intake.stats import CommitStats

_log = logging.getLogger(__name__)
_YOUNG_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 5.0
_ANSWER_S: Final = 60.0
_LEAVE_S: Final = 12.0
# Its rows live and die in bursts; more arenas would only keep more of them.
_ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "33554432", "PHAROS_RECORDER": "false",
}  # fmt: skip


class Process:
    """One intake process and the connection to it."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self.stats = CommitStats()
        self.started_at = time.monotonic()
        self._heard_at = self.started_at
        self._child: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._writer is not None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Begin; requests may be sent at once and wait in the socket. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = await asyncio.to_thread(_spawn, theirs.fileno())
        ours.settimeout(0)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(reader))

    async def ask(self, head: bytes, pieces: Iterable[memoryview], size_bytes: int) -> Any:
        """The answer to one request. Raises RefusalError when the process dies or hangs.

        One that told nothing to anybody for as long as this waited is ended.
        """
        number = next(self._numbers)
        begun, whole = time.monotonic(), False
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.held_bytes += size_bytes
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._send(frames.HEAD, number, head)
                for piece in pieces:
                    await self._send(frames.BODY, number, piece)
                await self._send(frames.END, number)
                whole = True
                return orjson.loads(await answer)
        except (ConnectionError, TimeoutError):
            if self._heard_at < begun and self.alive:
                _log.warning("An intake process hangs: it is ended")
                self._end()
            raise _interrupted() from None
        finally:
            self.held_bytes -= size_bytes
            self._waiting.pop(number, None)
            if not whole and self._writer is not None:
                # Else the process would hold what came of it for good.
                frames.write(self._writer, frames.GIVEN_UP, number)

    def _end(self) -> None:
        if self._child is not None:
            # Its end of the connection closes with it, which wakes whoever waits for it.
            self._child.kill()

    async def _send(self, kind: int, number: int, payload: bytes | memoryview = b"") -> None:
        # One at a time: frames stay whole and every request moves on in turn.
        async with self._turn:
            if self._writer is None:
                raise ConnectionResetError
            frames.write(self._writer, kind, number, payload)
            await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frame = await frames.read(reader)
                self._heard_at = time.monotonic()
                waiting = self._waiting.get(frame.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame.payload)
        self._lost()

    def _lost(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError())
        # Nobody may be left to hear of it.
        for waiting in self._waiting.values():
            waiting.exception() if waiting.done() and not waiting.cancelled() else None

    async def ended(self) -> None:
        """Return when the process is gone and buried."""
        if self._reading is not None:
            await self._reading
        if self._child is not None:
            child = self._child
            child.kill()
            await asyncio.to_thread(child.wait)

    async def leave(self) -> None:
        """Let it commit what it holds, and end."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.write_eof()
        if self._child is not None:
            child = self._child
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(child.wait, _LEAVE_S)
        await self.ended()


class Processes:
    """All of them. For one event loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._all: list[Process] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._started = asyncio.Event()
        self._past = CommitStats()
        self.restarts = 0

    def wake(self) -> None:
        """Start them, once. A portal that nobody sends telemetry to goes without."""
        if not self._keepers and not self._closing.is_set():
            self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def ask(self, head: bytes, pieces: Iterable[memoryview], size_bytes: int) -> Any:
        """The answer of the process with the least to do.

        Raises RefusalError (503) when there is none, or it dies or hangs on the way.
        """
        self.wake()
        await self._started.wait()
        alive = [process for process in self._all if process.alive]
        if not alive:
            raise _interrupted()
        process = min(alive, key=lambda p: p.held_bytes)
        answer = await process.ask(head, pieces, size_bytes)
        process.stats = CommitStats(**answer["stats"])
        recorder.take_over(answer["told"])
        committed.tell_metrics(answer["metrics"])
        return answer

    def facts(self) -> dict[str, Any]:
        """For the health report."""
        return {
            "processes": [process.pid for process in self._all if process.alive],
            "restarts": self.restarts,
        }

    def each(self) -> list[CommitStats]:
        """What each of those that run has done."""
        return [process.stats for process in self._all]

    def stats(self) -> CommitStats:
        """What all of them have done since the web started."""
        return sum((process.stats for process in self._all), self._past)

    async def close(self) -> None:
        """Let all of them finish."""
        self._closing.set()
        await asyncio.gather(*(process.leave() for process in self._all))
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=_LEAVE_S)

    async def _keep(self) -> None:
        """Keep one process running until closing."""
        pause_s = 0.1
        while not self._closing.is_set():
            process = Process()
            try:
                await process.start()
            except OSError:
                _log.exception("An intake process could not be started")
            self._all.append(process)
            self._started.set()
            await process.ended()
            self._all.remove(process)
            self._past = (self._past + process.stats).at_rest()
            if self._closing.is_set():
                return
            self.restarts += 1
            _log.warning("An intake process ended; another takes its place")
            young = time.monotonic() - process.started_at < _YOUNG_S
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S) if young else 0.1
            await asyncio.sleep(pause_s)


def _spawn(fd: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "apps.monitoring.intake.worker", str(fd)],
        pass_fds=(fd,), stdin=subprocess.DEVNULL, cwd=settings.BASE_DIR,
        env={**os.environ, **_ENVIRONMENT},
    )  # fmt: skip


def _interrupted() -> RefusalError:
    return RefusalError(
        503, "The intake was interrupted; send it again.", retry_after_s=limits.BUSY_RETRY_AFTER_S
    )


@cache
def own() -> Processes:
    """The intake processes of this web process."""
    return Processes(settings.PHAROS_INTAKE_PROCESSES)


def queue_fill() -> float:
    """How full the fullest queue before the store is, 0 to 1."""
    return max(
        stats.fill(QUEUE_ROWS, QUEUE_BYTES) for stats in [committer().stats(), *own().each()]
    )


def all_stats() -> CommitStats:
    """What this process and its intake processes have committed."""
    return committer().stats() + own().stats()
