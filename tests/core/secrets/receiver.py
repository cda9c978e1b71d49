"""An AWS Secrets Manager that speaks its JSON protocol and keeps what it was asked."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Manager:
    """`secrets` is what it holds; `asked` each request's headers and body."""

    def __init__(self) -> None:
        self.secrets: dict[str, object] = {}
        self.asked: list[tuple[dict[str, str], dict[str, object]]] = []
        self.url = ""

    def answer(self, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        kept = self.secrets.get(str(body["SecretId"]))
        if kept is None:
            return 400, {"__type": "ResourceNotFoundException", "Message": "s3cr3t is not here"}
        if isinstance(kept, int):
            return kept, {"__type": "AccessDeniedException", "Message": "s3cr3t"}
        if isinstance(kept, bytes):
            return 200, {"Name": body["SecretId"], "SecretBinary": "czNjcjN0"}
        return 200, {"Name": body["SecretId"], "SecretString": kept}


@contextlib.contextmanager
def running() -> Iterator[Manager]:
    manager = Manager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            manager.asked.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status, answer = manager.answer(body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    manager.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield manager
    finally:
        server.shutdown()
        server.server_close()
