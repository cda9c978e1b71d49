"""A receiver on a real socket that answers as it is told."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.core.outgoing import Answer


@dataclass
class Received:
    """One POST as it came; the body is unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers `script` one by one, then `always`. A callable builds its answer from the POST."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    script: list[Answer | str | Callable[[Received], Answer]] = field(default_factory=list)
    always: Answer | str | Callable[[Received], Answer] = field(
        default_factory=lambda: Answer(200, {}, b"")
    )
    released: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, count: int) -> list[Received]:
        wait_until(lambda: len(self.received) >= count)
        return list(self.received)


def wait_until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Poll until true; fails the test when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the awaited never happened"
        time.sleep(0.01)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Received(self.path, headers, body)
            receiver.received.append(got)
            told = receiver.script.pop(0) if receiver.script else receiver.always
            if told == "reset":
                self.close_connection = True
                self.connection.close()
                return
            if told == "hang":
                receiver.released.wait(30)
                return
            answer = told(got) if callable(told) else told
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def bulk_answer(*statuses: int) -> Callable[[Received], Answer]:
    """Elasticsearch's answer; every document of a bulk is created where no status is named."""

    def answer(got: Received) -> Answer:
        count = len(got.body.splitlines()) // 2
        told = [*statuses, *[201] * (count - len(statuses))]
        items = [
            {"create": {"status": one} | ({"error": {"type": f"e{one}"}} if one > 201 else {})}
            for one in told
        ]
        return Answer(
            200, {}, json.dumps({"errors": any(s > 201 for s in told), "items": items}).encode()
        )

    return answer
