"""An intake process: decodes bodies and commits their rows, so that the web only moves bytes.

`python -m apps.monitoring.intake.worker FD` serves the web at the other end of the socket pair. It
ends when the web is gone, after committing what it holds.
"""

import asyncio
import contextlib
import dataclasses
import gc
import os
import signal
import socket
import sys
from typing import Any, Final

import orjson

from apps.monitoring.forward import switchboard
from apps.monitoring.intake import committed, frames, limits, work
from apps.monitoring.intake.body import Body, Budget
from apps.monitoring.intake.commit import committer
from apps.monitoring.intake.reply import RefusalError
from apps.monitoring.recorder.relay import relay

# Decoding and committing share the interpreter: at Python's 5 ms each answer of the database would
# wait for the decoder.
_SWITCH_S: Final = 0.001
# Pages come before telemetry, which waits well.
_NICENESS: Final = 5
_DRAIN_S: Final = 10.0
# Their names travel to the web with the next answer.
written: Final = committed.Names()


class Server:
    """The requests of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit_bytes: int
    ) -> None:
        self._reader, self._writer, self._limit_bytes = reader, writer, limit_bytes
        self._budget = Budget(2 * limit_bytes)
        self._jobs: dict[int, work.Job] = {}
        self._bodies: dict[int, Body] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the web closes the connection; then until all it sent is answered."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self._take(await frames.read(self._reader))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_DRAIN_S)

    def _take(self, frame: frames.Frame) -> None:
        if frame.kind == frames.HEAD:
            self._jobs[frame.number] = work.Job(**orjson.loads(frame.payload))
            # Compressed bytes are counted by the web, for as long as it waits for the answer.
            self._bodies[frame.number] = Body(self._budget, self._limit_bytes)
        elif frame.kind == frames.BODY:
            self._bodies[frame.number].add(frame.payload)
        elif frame.kind == frames.GIVEN_UP:
            self._jobs.pop(frame.number, None)
            self._bodies.pop(frame.number, None)
        else:
            job, body = self._jobs.pop(frame.number), self._bodies.pop(frame.number)
            task = asyncio.create_task(self._answer(frame.number, job, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, job: work.Job, body: Body) -> None:
        answer: dict[str, Any]
        try:
            answer = {"result": await work.run(job, body)}
        except RefusalError as refusal:
            answer = {"refusal": [refusal.status, refusal.message, refusal.retry_after_s]}
        except Exception as error:  # noqa: BLE001 (senders retry a 503 and drop what got a 500)
            text = f"The request could not be stored: {type(error).__name__}."
            answer = {"refusal": [503, text, limits.BUSY_RETRY_AFTER_S]}
        finally:
            body.release()
        answer["stats"] = dataclasses.asdict(committer().stats())
        answer["told"] = relay.take()
        answer["metrics"] = written.take()
        with contextlib.suppress(ConnectionError):
            frames.write(self._writer, frames.REPLY, number, orjson.dumps(answer))
            await self._writer.drain()


async def _serve(fd: int) -> None:
    from django.conf import settings

    connection = socket.socket(fileno=fd)
    connection.settimeout(0)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=1 << 20)
    await Server(reader, writer, settings.PHAROS_INTAKE_BODY_BYTES).serve()
    await asyncio.to_thread(committer().close)
    # This process ends without `atexit`.
    await asyncio.to_thread(switchboard.close)


def main(fd: int) -> None:
    """Serve, then end at once: a thread that hangs must not keep an orphan alive."""
    import uvloop
    from django.conf import settings
    from django.utils.log import configure_logging

    # The web ends this process by closing the connection, never by a signal to the group.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    sys.setswitchinterval(_SWITCH_S)
    # Rows hold no cycles: Python's default would walk those of all requests every 700 of them.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    relay.open()
    committed.listen_metrics(written.add)
    if settings.PHAROS_FORWARD:
        # Django's own set-up would do it too, for two seconds and 60 MB.
        committed.listen(switchboard.offer)
    uvloop.run(_serve(fd))
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
