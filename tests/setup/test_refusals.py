"""What cannot work is refused in one sentence, with the right exit code, before anything starts."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.setup.conftest import Portal

pytestmark = [pytest.mark.setup, pytest.mark.timeout(120)]


def _sentence(done) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def test_a_wrong_variable_is_named(portal: Portal):
    done = portal.run("up", PORT="70000")
    assert done.returncode == 78
    assert _sentence(done).startswith("PORT is wrong:")
    assert "\n" not in _sentence(done)
    assert portal.processes() == []


def test_every_wrong_variable_gets_its_own_sentence(portal: Portal):
    wrong = {
        "PORT": "eighty", "PHAROS_WEB_THREADS": "0", "PHAROS_LOG_LEVEL": "CHATTY",
        "PHAROS_DEBUG": "perhaps", "PHAROS_RETENTION_SPANS_HOURS": "-1",
        "PHAROS_TRUSTED_PROXIES": "10.0.0.1/8", "PHAROS_RATE_STANDARD": "0",
    }  # fmt: skip
    done = portal.run("up", **wrong)
    assert done.returncode == 78
    lines = _sentence(done).splitlines()
    assert sorted(line.split(" is wrong:")[0] for line in lines) == sorted(wrong)
    assert portal.processes() == []


def test_a_home_with_other_files_in_it_is_refused(portal: Portal):
    portal.home.root.mkdir()
    (portal.home.root / "thesis.txt").touch()
    done = portal.run("up")
    assert done.returncode == 78
    assert "new or an empty directory" in _sentence(done)


@pytest.mark.parametrize("scheme", ["database", "redis"])
def test_an_unreachable_server_is_one_sentence(portal: Portal, scheme: str, closed_port: int):
    variable = {
        "database": {"DATABASE_URL": f"postgresql://u:hidden@127.0.0.1:{closed_port}/pharos"},
        "redis": {"REDIS_URL": f"redis://:hidden@127.0.0.1:{closed_port}/0"},
    }[scheme]
    done = portal.run("up", **variable)
    assert done.returncode == 69
    assert f"Check {next(iter(variable))}." in _sentence(done)
    assert "hidden" not in done.stderr + done.stdout
    assert "\n" not in _sentence(done)
    assert portal.processes() == []


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def old_postgresql() -> Iterator[int]:
    """A server that greets a client as PostgreSQL 13.9 does."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", len(body) + 4) + body

    settings = {"server_version": "13.9", "client_encoding": "UTF8"}
    greeting = message(b"R", struct.pack("!I", 0))
    for name, value in settings.items():
        greeting += message(b"S", f"{name}\0{value}\0".encode())
    greeting += message(b"K", struct.pack("!II", 1, 1)) + message(b"Z", b"I")

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                while client.recv(4096)[4:8] in {
                    struct.pack("!I", 80877103), struct.pack("!I", 80877104),
                }:  # fmt: skip
                    client.sendall(b"N")
                client.sendall(greeting)
                client.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_an_old_postgresql_is_refused_in_one_sentence(portal: Portal, old_postgresql: int):
    url = f"postgresql://somebody@127.0.0.1:{old_postgresql}/pharos"
    done = portal.run("up", DATABASE_URL=url)
    assert done.returncode == 78
    assert _sentence(done).startswith("PostgreSQL 13 is too old: Pharos needs 14 or newer.")
    assert portal.processes() == []
