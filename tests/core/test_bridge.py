"""The ASGI shell and its bridge to Django, over real sockets and a real Granian."""

import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]


class Server:
    def __init__(self, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        environment["http_proxy"] = ""
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "granian"), "--interface", "asgi",
                    "--port", str(self.port), "tests.core.bridge_app:application",
                ],
                cwd=PROJECT, stdout=output, stderr=output, env=environment,
            )  # fmt: skip
        until(self.answers, "the server answers")

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/control/state").status_code == 200
        except httpx.TransportError:
            return False

    def state(self) -> dict:
        return httpx.get(f"{self.url}/control/state").json()

    def open(self, gate: str) -> None:
        httpx.get(f"{self.url}/control/open", params={"gate": gate})

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def until(holds, what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("bridge") / "granian.log")
    yield server
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def test_a_request_reaches_django_with_everything_it_carried(client):
    reply = client.post("/echo/é%2Fa%20b", params={"q": "é&="}, content=b"body")
    got = reply.json()
    assert (got["method"], got["path"], got["query"]) == ("POST", "/echo/é/a b", "q=%C3%A9%26%3D")
    assert (got["length"], got["head"]) == (4, "body")
    meta = got["meta"]
    assert meta["SERVER_PORT"] == str(client.base_url.port)
    assert (meta["REMOTE_ADDR"], meta["wsgi.url_scheme"]) == ("127.0.0.1", "http")
    assert meta["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_a_path_of_broken_utf8_arrives_as_its_bytes(server):
    with server.connect() as raw:
        raw.sendall(b"GET /echo/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        reply = b"".join(iter(lambda: raw.recv(65536), b""))
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["path"] == "/echo/%FF"


def test_repeated_headers_are_joined_and_cookies_too(client):
    headers = [("x-tag", "1"), ("x-tag", "2"), ("cookie", "a=1"), ("cookie", "b=2")]
    got = client.get("/echo", headers=headers).json()
    assert got["meta"]["HTTP_X_TAG"] == "1,2"
    assert got["cookies"] == {"a": "1", "b": "2"}


def test_headers_that_would_pass_for_others_are_dropped(client):
    headers = {"X_Forwarded_For": "6.6.6.6", "Proxy": "http://evil", "Transfer_Encoding": "x"}
    meta = client.get("/echo", headers=headers).json()["meta"]
    assert "HTTP_X_FORWARDED_FOR" not in meta
    assert "HTTP_PROXY" not in meta
    assert "HTTP_TRANSFER_ENCODING" not in meta


def test_every_answer_carries_one_request_id(client):
    for path in ("/echo", "/nowhere", "/control/state", "/control/fail"):
        assert len(client.get(path).headers.get_list("x-request-id")) == 1, path
    given = client.get("/echo", headers={"X-Request-ID": "abc-123.DEF_4"})
    assert given.headers["x-request-id"] == "abc-123.DEF_4"
    assert given.json()["meta"]["HTTP_X_REQUEST_ID"] == "abc-123.DEF_4"


@pytest.mark.parametrize("bad", ["short", "x" * 129, 'a"b injected', "line;drop table"])
def test_a_malformed_request_id_is_replaced(client, bad):
    reply = client.get("/echo", headers={"X-Request-ID": bad})
    assert reply.headers["x-request-id"] != bad
    assert reply.json()["meta"]["HTTP_X_REQUEST_ID"] == reply.headers["x-request-id"]


def test_an_unexpected_error_of_a_native_handler_has_the_one_shape_and_no_internals(server, client):
    reply = client.get("/control/fail")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    body = reply.json()
    assert body["error"] == "internal_error"
    assert body["details"] == {"path": "/control/fail"}
    assert body["request_id"] == reply.headers["x-request-id"]
    assert "a secret nobody should read" in server.log.read_text()


def test_a_request_that_exits_takes_neither_its_thread_nor_the_server_along(client):
    for _ in range(5):
        assert client.get("/leave").status_code == 500
    assert client.get("/echo").status_code == 200


def test_several_cookies_are_set_each_in_a_header_of_its_own(client):
    assert len(client.get("/cookies").headers.get_list("set-cookie")) == 2


def test_head_has_the_length_but_no_body(client):
    full = client.get("/cookies")
    head = client.head("/cookies")
    assert head.headers["content-length"] == full.headers["content-length"]
    assert head.content == b""
    # A body would be taken for the next answer on the same connection.
    assert client.get("/cookies").content == b"cookies"


def test_head_does_not_iterate_a_stream(server, client):
    before = len(server.state()["notes"].get("chunk", []))
    assert client.head("/stream").content == b""
    assert len(server.state()["notes"].get("chunk", [])) == before


def test_an_empty_answer_stays_empty(client):
    reply = client.get("/empty")
    assert (reply.status_code, reply.content) == (204, b"")


def test_a_stream_arrives_whole(client):
    assert client.get("/count").text == "".join(f"{n}\n" for n in range(1000))


def test_chunks_arrive_as_they_are_made(server, client):
    with client.stream("GET", "/live", params={"gate": "live"}) as reply:
        lines = reply.iter_lines()
        assert next(lines) == "first"
        server.open("live")
        assert next(lines) == "second"


def test_a_file_arrives_whole(client, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "large").write_bytes(content)
    assert client.get("/file", params={"name": str(tmp_path / "large")}).content == content


def test_a_client_that_leaves_a_stream_closes_it_in_its_own_thread(server):
    before = server.state()["notes"]
    with httpx.stream("GET", f"{server.url}/stream") as reply:
        next(reply.iter_raw())
    until(
        lambda: len(server.state()["notes"]["closed"]) == len(before.get("closed", [])) + 1,
        "the generator is closed",
    )
    notes = server.state()["notes"]
    assert notes["closed"][-1] == notes["opened"][-1]
    until(lambda: server.state()["pending"] == 0, "the thread is free")


def test_a_slow_reader_holds_a_stream_back(server):
    with server.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.recv(100)

        def chunks() -> int:
            return len(server.state()["notes"]["chunk"])

        seen = [-1] * 10

        def held() -> bool:
            seen.append(chunks())
            return len(set(seen[-10:])) == 1

        # Kernel and server buffers hold some megabytes; without back-pressure it never ends.
        until(held, "the stream is held back")
    until(lambda: server.state()["pending"] == 0, "the thread is free")


def test_an_error_in_the_middle_of_a_stream_cuts_the_connection(server, client):
    with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", "/broken") as reply:
        reply.read()
    until(lambda: "broken in the middle" in server.log.read_text(), "the error is logged")
    assert client.get("/echo").status_code == 200


def test_a_chunked_body_without_a_length_is_read_whole(client):
    parts = [b"a" * 1000] * 500
    got = client.post("/echo", content=iter(parts)).json()
    assert got["length"] == 500_000
    assert got["meta"]["CONTENT_LENGTH"] == "500000"


def test_a_large_body_is_read_whole(client):
    got = client.post("/echo", content=b"q" * 3_000_000).json()
    assert got["length"] == 3_000_000


def test_a_body_over_the_limit_is_refused(client):
    for content in (b"q" * 4_194_305, iter([b"q" * 1_048_576] * 5)):
        try:
            reply = client.post("/echo", content=content)
        except httpx.WriteError:
            continue  # The server closed while we were still sending: also a refusal.
        assert reply.status_code == 413
        assert reply.json()["error"] == "too_large"
    assert client.get("/echo").status_code == 200


def test_a_slow_body_holds_no_thread(server, client):
    slow = [server.connect() for _ in range(8)]
    for each in slow:
        each.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert client.get("/echo").status_code == 200
    assert server.state()["pending"] == 0
    for each in slow:
        each.sendall(b"defghij")
        assert each.recv(65536).startswith(b"HTTP/1.1 200")
        each.close()


def test_a_client_that_leaves_during_its_body_is_forgotten(server):
    with server.connect() as gone:
        gone.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    until(lambda: server.state()["pending"] == 0, "nothing is pending")
    assert httpx.get(f"{server.url}/echo").status_code == 200


def test_expect_100_continue_gets_its_go_ahead(server):
    with server.connect() as raw:
        raw.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 100")
        raw.sendall(b"body")
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_full_pool_refuses_at_once_and_recovers(server):
    before = server.state()
    entered = before["notes"].get("entered", []).count("full")
    with concurrent.futures.ThreadPoolExecutor(4) as clients:

        def hold():
            return httpx.get(f"{server.url}/hold", params={"gate": "full"}, timeout=60)

        held = [clients.submit(hold) for _ in range(4)]
        try:
            until(lambda: server.state()["pending"] == 4, "threads and waiting places are taken")
            assert server.state()["notes"]["entered"].count("full") == entered + 2
            reply = httpx.get(f"{server.url}/echo")
            page = httpx.get(f"{server.url}/echo", headers={"Accept": "text/html"})
            native = httpx.get(f"{server.url}/control/state")
        finally:
            server.open("full")
        assert [h.result().text for h in held] == ["held"] * 4
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json()["error"] == "unavailable"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert native.json()["refused"] == before["refused"] + 2
    assert httpx.get(f"{server.url}/echo").status_code == 200
    assert server.state()["pending"] == 0


def test_context_variables_of_one_request_are_unknown_to_the_next(client):
    for number in range(10):
        got = client.get("/variable", params={"value": str(number)}).json()
        assert got == {"before": None, "now": str(number)}


def test_http2_serves_pages_bodies_and_streams(server):
    with httpx.Client(base_url=server.url, http1=False, http2=True, timeout=30) as client:
        got = client.post(
            "/echo", content=b"b" * 100_000, headers=[("cookie", "a=1"), ("cookie", "b=2")]
        )
        assert got.http_version == "HTTP/2"
        assert got.json()["length"] == 100_000
        assert got.json()["cookies"] == {"a": "1", "b": "2"}
        assert got.json()["meta"]["SERVER_PROTOCOL"] == "HTTP/2"
        assert got.json()["meta"]["HTTP_HOST"] == f"127.0.0.1:{server.port}"
        assert client.get("/count").text.endswith("999\n")


def test_a_stop_finishes_the_requests_under_way(tmp_path):
    server = Server(tmp_path / "granian.log")
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as clients:
            address = f"{server.url}/linger"
            held = clients.submit(
                httpx.get, address, params={"name": str(tmp_path / "go")}, timeout=60
            )
            until(lambda: server.state()["pending"] == 1, "the request runs")
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not server.answers(), "new connections are refused")
            (tmp_path / "go").touch()
            assert held.result().text == "first\nsecond\n"
        assert server.process.wait(30) == 0
    finally:
        server.process.kill()
        server.process.wait()
