"""HTTP/2 and keep-alive by real clients, counted at the socket, on the server `make run` starts."""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator

import h2.connection
import h2.events
import httpx
import pytest
import websockets
from django.conf import settings
from django.test import Client

from apps.core.embedded.home import Home
from portal.run.config import processes
from portal.run.plan import Plan
from tests.conftest import PROJECT, RunningServer, free_port, wait_until
from tests.setup.wire import Counter, counted, self_signed, trusting

pytestmark = [pytest.mark.setup, pytest.mark.django_db(transaction=True)]

MANY = 60


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def start(portal_process) -> Callable[..., RunningServer]:
    def run(cert: str = "", key: str = "") -> RunningServer:
        port = free_port()
        plan = Plan(Home.current(), "127.0.0.1", port, False, False, cert, key)
        argv = next(program.argv for program in processes(plan) if program.name == "web")
        assert list(argv[1:3]) == ["-m", "granian"]
        https = {"PHAROS_URL": f"https://127.0.0.1:{port}"} if cert else {}
        process, log = portal_process("web", *argv[2:], port=port, **https)

        def answers() -> bool:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True

        wait_until(answers, process, log)
        return RunningServer(plan.url, port, process, log)

    return run


@pytest.fixture(scope="module")
def plain(start) -> RunningServer:
    return start()


@pytest.fixture(scope="module")
def secure(start, certificate) -> RunningServer:
    return start(*map(str, certificate))


@pytest.fixture
def wire(plain) -> Iterator[Counter]:
    with counted(plain.port) as counter:
        yield counter


@pytest.fixture
def secure_wire(secure) -> Iterator[Counter]:
    with counted(secure.port) as counter:
        yield counter


async def ask(url: str, paths: list[str], **options) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=url, timeout=60, **options) as client:
        return await asyncio.gather(*(client.get(path) for path in paths))


PATHS = ["/health", "/admin/login/", "/static/css/pharos.css", "/nowhere"] * (MANY // 4)


def check_many(answers: list[httpx.Response], version: str) -> None:
    assert {answer.http_version for answer in answers} == {version}
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404] * (MANY // 4)


def test_many_requests_at_once_share_one_connection_without_tls(wire):
    answers = asyncio.run(ask(f"http://127.0.0.1:{wire.port}", PATHS, http1=False, http2=True))
    check_many(answers, "HTTP/2")
    assert wire.accepted == 1


def test_many_requests_at_once_share_one_connection_agreed_on_by_alpn(secure_wire, certificate):
    url = f"https://127.0.0.1:{secure_wire.port}"
    answers = asyncio.run(ask(url, PATHS, http2=True, verify=trusting(certificate[0])))
    check_many(answers, "HTTP/2")
    assert secure_wire.accepted == 1
    for answer in answers:
        # Files carry only what files need: any page has told the browser before.
        if not answer.url.path.startswith("/static/"):
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_client_of_http_1_keeps_its_connection(wire):
    with httpx.Client(base_url=f"http://127.0.0.1:{wire.port}") as client:
        for path in PATHS:
            assert client.get(path).http_version == "HTTP/1.1"
    assert wire.accepted == 1


def test_a_client_that_offers_only_http_1_gets_it_over_tls(secure_wire, certificate):
    context = trusting(certificate[0])
    with httpx.Client(base_url=f"https://127.0.0.1:{secure_wire.port}", verify=context) as client:
        for _ in range(5):
            assert client.get("/health").http_version == "HTTP/1.1"
    assert secure_wire.accepted == 1


def test_large_bodies_pass_both_ways_over_http_2(plain, secure, certificate):
    source = (PROJECT / "static/vendor/plotly-basic.min.js").read_bytes()
    for server, options in (
        (plain, {"http1": False}),
        (secure, {"verify": trusting(certificate[0])}),
    ):
        with httpx.Client(base_url=server.url, http2=True, timeout=60, **options) as client:
            got = client.get("/static/vendor/plotly-basic.min.js")
            assert got.http_version == "HTTP/2"
            assert hashlib.sha256(got.content).digest() == hashlib.sha256(source).digest()
            sent = client.post("/admin/login/", content=b"x" * 3_000_000)
            assert sent.status_code == 403


def test_trailers_of_a_request_are_taken(plain):
    wire = h2.connection.H2Connection()
    with socket.create_connection(("127.0.0.1", plain.port), 20) as connection:
        wire.initiate_connection()
        head = [(":method", "POST"), (":path", "/nowhere"), (":scheme", "http"),
                (":authority", f"127.0.0.1:{plain.port}"), ("trailer", "x-sum")]  # fmt: skip
        wire.send_headers(1, head)
        wire.send_data(1, b"body")
        wire.send_headers(1, [("x-sum", "1")], end_stream=True)
        connection.sendall(wire.data_to_send())
        status, ended = None, False
        while not ended:
            data = connection.recv(65536)
            assert data, "the server closed the connection"
            for event in wire.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                assert not isinstance(event, h2.events.StreamReset)
                ended = ended or isinstance(event, h2.events.StreamEnded)
            connection.sendall(wire.data_to_send())
    assert status == b"404"


def handshake(port: int, version: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 20) as raw, context.wrap_socket(raw) as tls:
        return tls.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_begins_at_1_2(secure):
    assert handshake(secure.port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert handshake(secure.port, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(secure.port, ssl.TLSVersion.TLSv1_1)


def test_plain_http_on_the_port_of_tls_gets_nothing(secure):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{secure.port}/health")


def test_cookies_over_tls_are_bound_to_the_host(secure, certificate):
    with httpx.Client(base_url=secure.url, verify=trusting(certificate[0])) as client:
        set_cookie = client.get("/admin/login/").headers["set-cookie"]
    assert set_cookie.startswith("__Host-csrftoken=")
    assert "Secure" in set_cookie
    assert "Domain" not in set_cookie
    assert "Path=/;" in set_cookie


@pytest.mark.parametrize("over_tls", [False, True])
def test_live_sockets_work_on_the_same_port(plain, secure, certificate, staff, over_tls):
    server, name = (secure, "__Host-sessionid") if over_tls else (plain, "sessionid")
    client = Client()
    client.force_login(staff)
    cookie = f"{name}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    async def talk() -> int | None:
        context = trusting(certificate[0]) if over_tls else None
        options = {"ssl": context} if over_tls else {}
        headers = {"Origin": server.url, "Cookie": cookie}
        url = server.url.replace("http", "ws", 1) + "/ws/live"
        async with websockets.connect(url, additional_headers=headers, **options) as live:
            await live.send("nonsense")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(live.recv(), 30)
            return closed.value.rcvd.code if closed.value.rcvd else None

    # It was let in as staff, and understood well enough to be told off.
    assert asyncio.run(talk()) == 4400
