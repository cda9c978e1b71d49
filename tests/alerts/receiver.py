"""A webhook receiver as a process: `python -m tests.alerts.receiver PORT LOG`.

Every POST is logged as a JSON line before it is answered. The first segment of the path says how:
ok, 500, 404, 429 (with Retry-After), once (500 first, then ok), redirect, hang, garbage, reset,
endless, drip (a header byte at a time).
"""

import json
import socket
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_seen: Counter[str] = Counter()
_lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """Behaves as its path says."""

    log_path: Path

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        way = self.path.split("/")[1].partition("?")[0]
        with _lock:
            _seen[way] += 1
            line = {
                "at": time.time(), "path": self.path, "headers": dict(self.headers),
                "body": body.decode(),
            }  # fmt: skip
            with self.log_path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        getattr(self, f"way_{way}", self.way_ok)()

    def way_ok(self) -> None:
        self._answer(200)

    def way_500(self) -> None:
        self._answer(500)

    def way_404(self) -> None:
        self._answer(404)

    def way_429(self) -> None:
        self._answer(429, {"Retry-After": "120"})

    def way_once(self) -> None:
        self._answer(500 if _seen["once"] == 1 else 200)

    def way_redirect(self) -> None:
        self._answer(302, {"Location": "/ok"})

    def way_hang(self) -> None:
        time.sleep(120)

    def way_drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nSlow: ")
        for _ in range(600):
            self.wfile.write(b"x")
            time.sleep(0.1)

    def way_garbage(self) -> None:
        self.wfile.write(b"\x00\xff this is no HTTP \r\n\r\n")
        self.close_connection = True

    def way_reset(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def way_endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Silent."""

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    Handler.log_path = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
