"""Probes against servers that mean harm."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from django.core.exceptions import ValidationError

from apps.monitoring.collectors import httpcheck
from apps.monitoring.collectors.base import CollectError, TargetDownError
from apps.monitoring.collectors.httpcheck import HttpCheck
from apps.monitoring.models import CollectorState, Probe


@pytest.fixture
def serve():
    """`serve(answer)` is the address of a server; `answer(socket)` speaks to each caller."""
    doors = []

    def start(answer, context=None):
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)

        def accept():
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=speak, args=(caller,), daemon=True).start()

        def speak(caller):
            try:
                with context.wrap_socket(caller, server_side=True) if context else caller as line:
                    line.recv(65536)
                    answer(line)
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        return f"{'https' if context else 'http'}://127.0.0.1:{door.getsockname()[1]}/x?y=1"

    yield start
    for door in doors:
        door.shutdown(socket.SHUT_RDWR)
        door.close()


def says(text):
    return lambda line: line.sendall(text)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def probe(url, **options):
    return HttpCheck(target="it", url=url, **{"timeout_s": 5.0, **options})


def named(points):
    return {point.metric.name: point.value for point in points}


def test_the_expected_answer_is_timed(serve):
    found = probe(serve(says(OK))).read()
    values = named(found.points)
    assert values["httpcheck.status"] == 1
    assert values["httpcheck.duration"] > 0
    assert "httpcheck.tls.cert_remaining" not in values
    assert found.detail == "HTTP 200"


def test_another_status_is_down_with_its_figures(serve):
    with pytest.raises(TargetDownError, match="503") as caught:
        probe(serve(says(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"))).read()
    assert named(caught.value.points)["httpcheck.status"] == 0


def test_a_redirect_is_an_answer_and_is_not_followed(serve):
    asked = []

    def redirect(line):
        asked.append(1)
        line.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        )

    url = serve(redirect)
    assert probe(url, expected_status=302).read().detail == "HTTP 302"
    with pytest.raises(TargetDownError, match="302"):
        probe(url).read()
    assert len(asked) == 2


def test_an_endless_body_is_read_to_its_bound(serve):
    sent = []

    def endless(line):
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.sendall(b"x" * 65536)
            sent.append(65536)

    assert named(probe(serve(endless)).read().points)["httpcheck.status"] == 1
    # What the kernel buffers comes on top.
    assert sum(sent) < 32 * httpcheck._MOST_BYTES


def test_a_refused_connection_is_unknown_and_only_the_error_is_counted():
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(CollectError, match="refused") as caught:
        probe(f"http://127.0.0.1:{port}/").read()
    assert not isinstance(caught.value, TargetDownError)
    assert named(caught.value.points) == {"httpcheck.error": 1}


@pytest.mark.parametrize(
    "answer",
    [says(b"garbage\r\n\r\n"), says(b""), says(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200),
     says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000)],
)  # fmt: skip
def test_what_is_not_http_is_unknown(serve, answer):
    with pytest.raises(CollectError) as caught:
        probe(serve(answer)).read()
    assert named(caught.value.points) == {"httpcheck.error": 1}


def test_an_address_that_is_never_asked_is_not_probed_whatever_its_name(serve, monkeypatch):
    url = serve(says(OK))
    monkeypatch.setattr(socket.socket, "getpeername", lambda _self: ("169.254.169.254", 80))
    with pytest.raises(CollectError, match="never probed"):
        probe(url).read()
    monkeypatch.undo()
    assert probe(url).read().detail == "HTTP 200"


def test_a_drop_by_drop_body_ends_with_its_time(serve):
    stop = threading.Event()

    def drip(line):
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not stop.wait(0.02):
            line.sendall(b"x")

    try:
        with pytest.raises(CollectError, match="in time"):
            probe(serve(drip), timeout_s=0.3).read()
    finally:
        stop.set()


@pytest.mark.django_db(transaction=True)
def test_drop_by_drop_headers_end_when_the_run_is_abandoned(serve, collect, values):
    stop = threading.Event()

    def drip(line):
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not stop.wait(0.02):
            line.sendall(b"x")

    try:
        collect(probe(serve(drip), timeout_s=0.5))
        state = CollectorState.objects.get(kind="httpcheck")
        assert (state.status, state.last_ok) == ("unknown", None)
        assert values("httpcheck.status") == values("httpcheck.duration") == []
        for thread in threading.enumerate():
            if thread.name == "collect-httpcheck":
                thread.join(10)
                assert not thread.is_alive()
    finally:
        stop.set()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_certificate_nobody_vouches_for_is_unknown_and_one_we_trust_tells_its_end(
    serve, tmp_path, monkeypatch
):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "10", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    url = serve(says(OK), context)
    with pytest.raises(CollectError, match="not trusted"):
        probe(url).read()
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    remaining_s = named(probe(url).read().points)["httpcheck.tls.cert_remaining"]
    assert remaining_s == pytest.approx(10 * 86_400, abs=300)
    # Most servers close the connection, as they are asked to: then it is theirs no longer.
    closing = serve(says(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)), context)
    assert "httpcheck.tls.cert_remaining" in named(probe(closing).read().points)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://x/", "//x/", "http://", "http://u:p@x/", "http://x:0/",
     "http://x:99999/", "http://x/\r\nHost: y", "http://x/ y", "http://[::1/", "javascript:1"],
)  # fmt: skip
def test_only_plain_addresses_can_be_probed(url):
    with pytest.raises(ValidationError):
        Probe(name="odd", url=url).full_clean(validate_unique=False)


@pytest.mark.django_db
def test_enabled_probes_become_collectors():
    Probe.objects.create(name="on", url="https://example.com/", interval_s=60, timeout_s=2)
    Probe.objects.create(name="off", url="https://example.com/", enabled=False)
    (made,) = HttpCheck.configured()
    assert (made.target, made.interval_s, made.timeout_s) == ("on", 60, 2)
    assert "example.com" not in repr(made)
