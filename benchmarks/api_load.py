"""API users in one process, at a fixed arrival rate on kept connections; prints one JSON object.

`python -m benchmarks.api_load PORT USERS RATE SECONDS` with the requests as JSON on standard input:
`[{"path", "headers", "statuses"}, …]`.

Open loop: a request is due at its time whatever the server does, and its latency counts from then,
so a queue cannot hide. Each user has one connection and asks in turn; one who is still waiting is
late with the next, and that counts too.
"""

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any


class User(asyncio.Protocol):
    """One connection: what is due waits its turn."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.buffer = bytearray()
        self.due: deque[tuple[float, int]] = deque()
        self.asked: tuple[float, int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, at: float, which: int) -> None:
        self.due.append((at, which))
        if self.asked is None:
            self.next()

    def next(self) -> None:
        self.asked = self.due.popleft() if self.due else None
        if self.asked is not None:
            self.transport.write(self.run.requests[self.asked[1]])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        if not blank or self.asked is None:
            return
        status = int(head[9:12])
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if status != 304 and len(rest) < length:
            return
        self.buffer.clear()
        at, which = self.asked
        self.run.answered(at, which, status)
        self.next()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.run.over:
            self.run.errors += 1


class Run:
    """All users and what they were answered."""

    def __init__(self, port: int, wanted: list[dict[str, Any]]) -> None:
        self.requests = []
        self.statuses = [one["statuses"] for one in wanted]
        for one in wanted:
            lines = [f"GET {one['path']} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
            lines += [f"{name}: {value}" for name, value in one["headers"].items()]
            self.requests.append("\r\n".join([*lines, "", ""]).encode())
        self.latencies: list[float] = []
        self.errors = self.sent = 0
        self.over = False

    def answered(self, at: float, which: int, status: int) -> None:
        if status in self.statuses[which]:
            self.latencies.append(time.perf_counter() - at)
        else:
            self.errors += 1

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)


async def _main(port: int, users: int, rate: float, seconds: float) -> None:
    run = Run(port, json.load(sys.stdin))
    loop = asyncio.get_running_loop()
    crowd: list[User] = []
    for first in range(0, users, 50):
        made = await asyncio.gather(
            *(
                loop.create_connection(lambda: User(run), "127.0.0.1", port)
                for _ in range(min(50, users - first))
            )
        )
        crowd += [user for _, user in made]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (left_s := due - time.perf_counter()) > 0:
            await asyncio.sleep(left_s)
        crowd[number % users].ask(due, number % len(run.requests))
        run.sent += 1
    deadline = time.perf_counter() + 30
    while len(run.latencies) + run.errors < run.sent and time.perf_counter() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    run.over = True
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
    print(
        json.dumps(
            {
                "sent": run.sent,
                "errors": run.sent - len(run.latencies),
                **{name: run.quantile_ms(share) for name, share in shares.items()},
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    _port, _users, _rate, _seconds = sys.argv[1:]
    uvloop.run(_main(int(_port), int(_users), float(_rate), float(_seconds)))
