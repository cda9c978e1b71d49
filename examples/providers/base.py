"""What all providers share: how they misbehave, and the log of what came."""

import html
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request, as a provider sees it: the path below its name and way."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(errors="replace")))


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Provider(BaseHTTPRequestHandler):
    """Answers as the provider named by the first part of the path would."""

    protocol_version = "HTTP/1.1"
    kinds: ClassVar[dict[str, Callable[[Call], Reply]]] = {}
    log_path: ClassVar[Path | None] = None
    seen: ClassVar[deque[dict[str, Any]]] = deque(maxlen=200)
    lost: ClassVar[set[tuple[str, str]]] = set()
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:
        """The inbox as a page."""
        with self.lock:
            rows = [
                f"<h2>{html.escape(one['kind'])} {html.escape(one['path'])}</h2>"
                f"<pre>{html.escape(one['body'])}</pre>"
                for one in reversed(self.seen)
            ]
        page = f"<!doctype html><title>Inbox</title>{''.join(rows) or 'Nothing has come yet.'}"
        self._reply(Reply(200, page, {"Content-Type": "text/html; charset=utf-8"}))

    def do_POST(self) -> None:
        """Log, then answer as the way says."""
        parts = urlsplit(self.path)
        kind, way, path = (*parts.path.lstrip("/").split("/", 2), "", "")[:3]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if kind not in self.kinds:
            # ntfy posts to the root and names the topic in the body.
            kind, way, path = "ntfy", str((_json(body) or {}).get("topic", "ok")), ""
        call = Call(path, dict(parse_qsl(parts.query)), dict(self.headers), body)
        self._note(kind, way, call)
        if way == "hang":
            time.sleep(60)
        elif way == "garbage":
            self._reply(Reply(200, "<html>nonsense"))
        elif way.isdigit():
            self._refuse(kind, int(way))
        else:
            with self.lock:
                reply = self.kinds[kind](call)
                break_off = way == "lost" and (kind, call.path) not in self.lost
                if break_off:
                    self.lost.add((kind, call.path))
            if break_off:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._reply(reply)

    def log_message(self, *args: object) -> None:
        """Silent."""

    def _note(self, kind: str, way: str, call: Call) -> None:
        line = {
            "at": time.time(), "kind": kind, "way": way, "path": call.path, "query": call.query,
            "headers": call.headers, "body": call.body.decode(errors="replace"),
        }  # fmt: skip
        with self.lock:
            self.seen.append(line)
            if self.log_path is not None:
                with self.log_path.open("a") as file:
                    file.write(json.dumps(line) + "\n")

    def _refuse(self, kind: str, status: int) -> None:
        if status != 429:
            self._reply(Reply(status, {"ok": False, "error": "refused"}))
        elif kind == "discord":
            self._reply(Reply(429, {"retry_after": 7.5, "global": False}, {"Retry-After": "7"}))
        else:
            self._reply(Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}))

    def _reply(self, reply: Reply) -> None:
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        raw = b"" if reply.body is None else text.encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _json(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
