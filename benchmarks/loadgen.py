"""A closed-loop HTTP/1.1 load generator in a process of its own; prints one JSON object.

`python -m benchmarks.loadgen PORT PATH CONNECTIONS SECONDS patient|impatient`
"""

import asyncio
import json
import sys
import time
from typing import Any


class _Client(asyncio.Protocol):
    """One keep-alive connection: the next request leaves when the last answer is here."""

    def __init__(self, run: "_Run") -> None:
        self.run = run
        self.buffer = b""
        self.sent_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.run.over or self.transport.is_closing():
            return
        self.sent_at = time.perf_counter()
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start : lower.find(b"\r", start) if b"\r" in lower[start:] else None])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self.answered(int(head[9:12]))

    def answered(self, status: int) -> None:
        if self.run.over:
            return
        took = time.perf_counter() - self.sent_at
        if status < 300:
            self.run.accepted.append(took)
        elif status == 503:
            self.run.refused.append(took)
            if self.run.patient:
                asyncio.get_running_loop().call_later(1, self.send)
                return
        else:
            self.run.failed += 1
        self.send()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.run.over:
            self.run.failed += 1


class _Run:
    def __init__(self, request: bytes, *, patient: bool) -> None:
        self.request = request
        self.patient = patient
        self.over = False
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self.failed = 0


def _quantile_ms(values: list[float], share: float) -> float | None:
    if not values:
        return None
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000, 2)


async def _main(port: int, path: str, connections: int, seconds: float, *, patient: bool) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
    run = _Run(request, patient=patient)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for first in range(0, connections, 50):
        await asyncio.gather(
            *(
                loop.create_connection(lambda: _Client(run), "127.0.0.1", port)
                for _ in range(min(50, connections - first))
            )
        )
    # The ramp is not counted.
    run.accepted.clear()
    run.refused.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    run.over = True
    taken = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds": taken,
                "accepted": len(run.accepted),
                "refused": len(run.refused),
                "failed": run.failed,
                "p50_ms": _quantile_ms(run.accepted, 0.5),
                "p95_ms": _quantile_ms(run.accepted, 0.95),
                "p99_ms": _quantile_ms(run.accepted, 0.99),
                "refused_p50_ms": _quantile_ms(run.refused, 0.5),
                "refused_p99_ms": _quantile_ms(run.refused, 0.99),
            }
        )
    )


if __name__ == "__main__":
    import uvloop

    _, _port, _path, _connections, _seconds, _mode = sys.argv
    uvloop.run(
        _main(int(_port), _path, int(_connections), float(_seconds), patient=_mode == "patient")
    )
