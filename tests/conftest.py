"""Fixtures every test may use.

`staff`, `staff_client`   a superuser, and Django's test client logged in as them
`portal_server`           the real web server (granian, the ASGI shell) on a free port, on this
                          worker's own test database and Redis number; one for each module,
                          for it records itself and would fill the next module's empty store
`portal_worker`           a real Celery worker on the same database and Redis
`portal_process`          a function that starts any other real process of the portal beside them

A real process sees only what is committed: mark such tests `django_db(transaction=True)`.
"""

import contextlib
import gc
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.alerts import outbox
from apps.core.api import export
from apps.core.health import registry
from apps.core.proposals.services import waking as proposals
from apps.core.ratelimit import limiter
from apps.monitoring.intake.commit import committer
from apps.monitoring.queries import reads, redtail, series
from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.store import connect
from portal.overview import badges, payload
from tests import emptying, template
from tests.servers import answers, die_with_parent

emptying.install()
# A password takes half a second of a core to hash as in earnest; real servers take any count.
PBKDF2PasswordHasher.iterations = 1000

# These machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

PROJECT = Path(__file__).resolve().parents[1]
STAFF_PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class RunningServer:
    """A live web server: its address, its log, and the process to signal."""

    url: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http://", "ws://", 1)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Begin with a copy of the database that was migrated while the tests were loaded."""
    if template.ready():
        connection.settings_dict["TEST"]["TEMPLATE"] = template.NAME


@pytest.fixture(autouse=True, scope="session")
def recorder_at_rest() -> None:
    """This process records nothing of itself: its database comes and goes. Real processes do."""
    recorder.rest()


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open() -> Iterator[None]:
    """Health checks and the committer hold connections to a database about to be emptied."""
    yield
    committer().close()
    connect.close()
    if registry.stop(wait_s=10):
        # As in a new process: the next module begins with nothing known.
        registry._after_fork()


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Every test begins as a new process does, whatever the former saw in the last seconds.

    Which series there are, who read them, that spans were too many or the broker away, and what
    the pages showed.
    """
    series.forget()
    reads._told.clear()
    redtail.forget()
    payload._kept.clear()
    badges._last = (float("-inf"), "")
    outbox._rest_until = proposals._rest_until = 0.0
    if export._at_once._value < export.EXPORTS_AT_ONCE:
        # Whoever asks for an export and reads none of it: a server would have closed it.
        gc.collect()


@pytest.fixture(autouse=True)
def full_quotas() -> None:
    """Every test may ask as much as if it were alone; all of them come from one address."""
    limiter.forget()


@pytest.fixture
def staff(db) -> User:
    """The superuser `staff`; their password is `tests.conftest.STAFF_PASSWORD`."""
    return User.objects.create_superuser("staff", "staff@example.com", STAFF_PASSWORD)


@pytest.fixture
def staff_client(staff: User) -> Client:
    """Django's test client, logged in as `staff`."""
    client = Client()
    client.force_login(staff)
    return client


# Below those the kernel gives to whoever connects, and each worker has its own: a port that was
# free stays so until the process it is for has started.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.count(10_000 + _WORKER % 8 * 2500 + os.getpid() * 37 % 2000)


def free_port() -> int:
    """A port nobody listens on, and that nothing else will take."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def child_environment(role: str, port: int) -> dict[str, str]:
    """The environment that puts a real process on this worker's test database and Redis."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host") or database["HOST"]
    url = f"postgresql://postgres@/{database['NAME']}?host={quote(host, safe='')}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "REDIS_URL": settings.CACHES["default"]["LOCATION"],
        "PORT": str(port),
        "PHAROS_ROLE": role,
        "PHAROS_INTAKE_PROCESSES": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(PROJECT),
    }


def processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., tuple["subprocess.Popen[bytes]", Path]]]:
    """`start(role, *argv, port=0, **environment)` runs `python -m argv…`; stopped at the end."""
    started: list[subprocess.Popen[bytes]] = []
    logs = tmp_path_factory.mktemp("processes")

    def start(role: str, *argv: str, port: int = 0, **environment: str):
        log = logs / f"{len(started)}-{role}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *argv], cwd=PROJECT, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                env={**child_environment(role, port or 8000), **environment},
            )  # fmt: skip
        started.append(process)
        return process, log

    yield start
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def portal_process(
    django_db_setup, django_db_blocker, tmp_path_factory
) -> Iterator[Callable[..., tuple["subprocess.Popen[bytes]", Path]]]:
    """`processes` for one module."""
    yield from processes(tmp_path_factory)


@pytest.fixture(scope="module")
def portal_server(portal_process) -> RunningServer:
    """The real web server, answering `/health` already; started on first use."""
    return start_web(portal_process)


def start_web(portal_process: Callable[..., Any], **environment: str) -> RunningServer:
    """A real web server with these variables, answering `/health` already."""
    port = free_port()
    process, log = portal_process(
        "web", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--loop", "uvloop", "--ws", "--log-level", "warning",
        "--backlog", "4096", "--backpressure", "4096", "--workers-kill-timeout", "5",
        "portal.asgi:application", port=port, **environment,
    )  # fmt: skip
    server = RunningServer(f"http://127.0.0.1:{port}", port, process, log)
    wait_until(lambda: answers(f"{server.url}/health"), process, log)
    return server


@pytest.fixture(scope="module")
def portal_worker(portal_process) -> "subprocess.Popen[bytes]":
    """A real Celery worker over all three queues; started on first use, ready when returned."""
    process, log = portal_process(
        "worker", "celery", "-A", "portal", "worker", "-Q", "high,default,low", "--pool", "threads",
        "-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat",
        "--loglevel", "INFO",
    )  # fmt: skip
    wait_until(lambda: "ready." in log.read_text(errors="replace"), process, log)
    return process


def wait_until(
    ready: Callable[[], bool],
    process: "subprocess.Popen[bytes]",
    log: Path,
    deadline_s: float = 180.0,
) -> None:
    """Poll `ready` until true; fail with the process's own words when it ends or is late."""
    deadline = time.monotonic() + deadline_s
    last = ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if ready():
                return
        except OSError as error:
            last = repr(error)
        time.sleep(0.05)
    state = f"exit code {process.poll()}" if process.poll() is not None else f"late ({last})"
    pytest.fail(f"{process.args[2:4]}: {state}\n{log.read_text(errors='replace')[-3000:]}")
