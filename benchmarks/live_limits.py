"""The limits of `live`: a raw uvloop protocol, and a plain ASGI loop over `await send()`.

`python -m benchmarks.live_limits PORT` runs the raw one; `application` is the plain one. Both send
a message of BENCH_BYTES bytes to everybody each second.
"""

import asyncio
import base64
import hashlib
import json
import os
import sys
import time
from typing import Any

INTERVAL_S = 1.0
_SIZE = int(os.environ.get("BENCH_BYTES", "2000"))
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def message() -> bytes:
    """One message, with the moment it was made."""
    return json.dumps({"sent": time.perf_counter(), "fill": "x" * _SIZE}).encode()


class Raw(asyncio.Protocol):
    """Shakes hands and is written to."""

    transports: set[Any] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for line in data.split(b"\r\n"):
            if line.lower().startswith(b"sec-websocket-key:"):
                key = line.split(b":", 1)[1].strip()
                accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
                self.transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                )
                self.transports.add(self.transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self.transports.discard(self.transport)


async def _raw(port: int) -> None:
    await asyncio.get_running_loop().create_server(Raw, "127.0.0.1", port, backlog=4096)
    while True:
        await asyncio.sleep(INTERVAL_S)
        told = message()
        frame = b"\x82\x7e" + len(told).to_bytes(2) + told
        for transport in tuple(Raw.transports):
            transport.write(frame)


_sends: set[Any] = set()
_loop_task: "asyncio.Task[None] | None" = None


async def _plain() -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        told = {"type": "websocket.send", "bytes": message()}
        for send in tuple(_sends):
            await send(told)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Lifespan and sockets."""
    global _loop_task
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    if _loop_task is None:
        _loop_task = asyncio.create_task(_plain())
    await receive()
    await send({"type": "websocket.accept"})
    _sends.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        _sends.discard(send)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_raw(int(sys.argv[1])))
