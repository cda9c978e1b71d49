"""A thousand WebSocket viewers in one lean process: raw frames on uvloop, no library in between.

`python -m benchmarks.live_client PORT PATH VIEWERS SECONDS [COOKIE TOPIC]`; prints one JSON
object. A message carries the moment its computing ended (`perf_counter`, the same clock for all
processes of a machine) as `"sent":…`; the viewers' receipts are grouped by it.
"""

import asyncio
import base64
import json
import os
import re
import statistics
import sys
import time
from typing import Any

_SENT = re.compile(rb'"sent": ?([0-9.]+)')
_RUNS = re.compile(rb'"runs":([0-9]+),"cpu_s":([0-9.e-]+)')


class Viewer(asyncio.Protocol):
    """One socket: shakes hands, subscribes, notes when each message came whole."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.buffer = bytearray()
        self.open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.crowd.handshake())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.open:
            head, blank, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not blank:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.crowd.answered(opened=False)
                self.transport.close()
                return
            self.open = True
            self.crowd.answered(opened=True)
            self.buffer = bytearray(rest)
            if self.crowd.wish:
                self.transport.write(frame(self.crowd.wish))
        while (message := self.next_message()) is not None:
            self.crowd.heard(message)

    def next_message(self) -> bytes | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10]), 10
        if len(buffer) < start + length:
            return None
        message = bytes(buffer[start : start + length])
        del buffer[: start + length]
        return message

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.crowd.over:
            self.crowd.lost_sockets += 1


def frame(text: bytes) -> bytes:
    """A masked text frame; the mask is zero."""
    size = bytes([len(text) | 128]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2)
    return b"\x81" + size + bytes(4) + text


class Crowd:
    """All viewers and what they saw."""

    def __init__(self, port: int, path: str, viewers: int, cookie: str, topic: str) -> None:
        self.port, self.path, self.viewers, self.cookie = port, path, viewers, cookie
        self.wish = (
            json.dumps({"action": "subscribe", "topics": [topic]}).encode() if topic else b""
        )
        self.receipts: dict[float, list[float]] = {}
        self.runs: list[tuple[float, int, float]] = []
        self.refused = self.lost_sockets = self.open = 0
        self.over = False
        self.all_open = asyncio.Event()

    def handshake(self) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{self.port}"
        lines = [
            f"GET {self.path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
            f"Origin: http://{host}", f"Cookie: sessionid={self.cookie}",
        ]  # fmt: skip
        return "\r\n".join([*lines, "", ""]).encode()

    def answered(self, *, opened: bool) -> None:
        self.open += opened
        self.refused += not opened
        if self.open + self.refused == self.viewers:
            self.all_open.set()

    def heard(self, message: bytes) -> None:
        now = time.perf_counter()
        if (sent := _SENT.search(message)) is not None:
            receipts = self.receipts.setdefault(float(sent[1]), [])
            if not receipts and (told := _RUNS.search(message)) is not None:
                self.runs.append((float(sent[1]), int(told[1]), float(told[2])))
            receipts.append(now)

    def figures(self) -> dict[str, Any]:
        """Of all messages that came while everybody watched."""
        whole = sorted(self.receipts)[1:-1]
        rounds = [(sent, sorted(self.receipts[sent])) for sent in whole]
        latencies = sorted((at - sent) * 1000 for sent, seen in rounds for at in seen)
        return {
            "rounds": len(rounds),
            "spread_ms": statistics.median((s[-1] - s[0]) * 1000 for _, s in rounds),
            "last_ms": statistics.median((s[-1] - sent) * 1000 for sent, s in rounds),
            "p99_ms": latencies[int(0.99 * (len(latencies) - 1))],
            "lost": sum(self.open - len(seen) for _, seen in rounds),
            "refused": self.refused,
            "lost_sockets": self.lost_sockets,
            **self.computing(),
        }

    def computing(self) -> dict[str, float]:
        """How often a topic that tells of its runs was computed, and the CPU of one run."""
        if len(self.runs) < 2:
            return {"runs_per_s": 0.0, "compute_ms": 0.0}
        (first, runs, cpu), (last, more_runs, more_cpu) = self.runs[0], self.runs[-1]
        return {
            "runs_per_s": (more_runs - runs) / (last - first),
            "compute_ms": (more_cpu - cpu) / (more_runs - runs) * 1000,
        }


async def _main(crowd: Crowd, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    transports = []
    for first in range(0, crowd.viewers, 50):
        made = await asyncio.gather(
            *(
                loop.create_connection(lambda: Viewer(crowd), "127.0.0.1", crowd.port)
                for _ in range(min(50, crowd.viewers - first))
            )
        )
        transports += [transport for transport, _ in made]
    async with asyncio.timeout(120):
        await crowd.all_open.wait()
    # Subscriptions come one after the other: what is counted begins when all are in.
    await asyncio.sleep(3)
    crowd.receipts.clear()
    crowd.runs.clear()
    await asyncio.sleep(seconds)
    crowd.over = True
    figures = crowd.figures()
    # All in one instant and without a farewell, as when a network drops.
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0.5)
    print(json.dumps(figures))


if __name__ == "__main__":
    import uvloop

    _port, _path, _viewers, _seconds, *_more = sys.argv[1:]
    _cookie, _topic = [*_more, "", ""][:2]
    uvloop.run(_main(Crowd(int(_port), _path, int(_viewers), _cookie, _topic), float(_seconds)))
