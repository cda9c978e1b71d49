"""PostgreSQL, Redis, the web and an intake process are killed at random moments; senders go on."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from apps.core.embedded import redis as embedded_redis
from apps.core.embedded.home import Home
from tests.conftest import free_port
from tests.monitoring.intake import messages as m
from tests.monitoring.store.test_crash import ROOT, admin, own_server
from tests.servers import answers, die_with_parent

SENDERS = 3


class Portal:
    """A web and a Redis of this test's own, on a PostgreSQL of its own."""

    def __init__(self, home: Home, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._home = home
        self._environment = {
            **os.environ, "PHAROS_HOME": str(home.root), "DATABASE_URL": home.database_url,
            "REDIS_URL": home.redis_url, "PORT": str(port), "PHAROS_ROLE": "web",
            "DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": str(ROOT),
            "PHAROS_INTAKE_PROCESSES": "1",
            # Redis is on the way of every request.
            "PHAROS_INTAKE_MINUTE_ITEMS": "1000000",
        }  # fmt: skip
        self._log = (home.root / "portal.log").open("ab")
        self._argv = {
            "redis": embedded_redis.command(home),
            "web": [
                sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1",
                "--port", str(port), "--workers", "1", "--loop", "uvloop", "--ws",
                "--log-level", "error", "portal.asgi:application",
            ],
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *argv: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *argv], cwd=ROOT, env=self._environment, check=True,
            capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def start(self, name: str) -> None:
        self._running[name] = subprocess.Popen(
            self._argv[name], cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log,
            preexec_fn=die_with_parent,
        )  # fmt: skip

    def web_tree(self) -> list[psutil.Process]:
        web = psutil.Process(self._running["web"].pid)
        return [web, *web.children(recursive=True)]

    def kill_redis(self) -> None:
        self._running["redis"].kill()
        self._running["redis"].wait()
        self.start("redis")

    def kill_web(self) -> None:
        """All that belongs to it at once, as when the machine's memory is gone."""
        for process in self.web_tree():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._running["web"].wait()
        self.start("web")

    def kill_an_intake_process(self) -> None:
        for process in self.web_tree():
            with contextlib.suppress(psutil.Error):
                if "apps.monitoring.intake.worker" in process.cmdline():
                    process.send_signal(signal.SIGKILL)
                    return

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()
        self._log.close()


@contextlib.contextmanager
def running(home: Home) -> Iterator[tuple[Portal, Callable[[], None]]]:
    with own_server(home) as crash_postgresql:
        with psycopg.connect(admin(home), autocommit=True) as raw:
            raw.execute("CREATE DATABASE pharos")
        portal = Portal(home, free_port())
        try:
            for name in ("redis", "web"):
                portal.start(name)
            for app in ("core", "monitoring"):
                portal.manage("migrate", app, "-v", "0", "--skip-checks")
            yield portal, crash_postgresql
        finally:
            portal.stop()


def healthy(url: str) -> bool:
    return answers(f"{url}/health", timeout_s=2)


def send(url: str, key: str, name: str, stop: threading.Event, acknowledged: list[str]) -> None:
    """Send line after line; the same bytes again until they are acknowledged."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-protobuf"}
    with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        number = 0
        while not stop.is_set():
            number += 1
            lines = [f"{name}-{number}-{part}" for part in range(5)]
            body = m.logs(*map(m.record, lines)).SerializeToString()
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = client.post("/v1/logs", content=body)
                    if answer.status_code == 200:
                        acknowledged += lines
                        break
                    assert answer.status_code == 503, answer.content
                if stop.wait(0.05):
                    return


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killing_anything_at_any_moment_loses_and_doubles_nothing_acknowledged(tmp_path):
    home = Home(tmp_path / "home")
    with running(home) as (portal, crash_postgresql):
        key = portal.manage("apikey", "sender", "--scope", "ingest")
        stop = threading.Event()
        acknowledged: list[list[str]] = [[] for _ in range(SENDERS)]
        senders = [
            threading.Thread(target=send, args=(portal.url, key, f"s{i}", stop, acknowledged[i]))
            for i in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        kills = [
            crash_postgresql, portal.kill_redis, portal.kill_web, portal.kill_an_intake_process,
        ]  # fmt: skip
        random.shuffle(kills)
        for kill in kills:
            progress(acknowledged, portal)
            stop.wait(random.random() / 4)
            kill()
        progress(acknowledged, portal)
        stop.set()
        for sender in senders:
            sender.join(30)
            assert not sender.is_alive()
        check(home, {line for lines in acknowledged for line in lines})


def progress(acknowledged: list[list[str]], portal: Portal) -> None:
    """Wait until telemetry flows: each sender has had ten more lines acknowledged."""
    before = [len(lines) for lines in acknowledged]
    deadline = time.monotonic() + 120
    while any(len(now) < then + 10 for now, then in zip(acknowledged, before, strict=True)):
        assert time.monotonic() < deadline, f"nothing moves; healthy: {healthy(portal.url)}"
        time.sleep(0.02)


def check(home: Home, acknowledged: set[str]) -> None:
    with psycopg.connect(f"host={home.run_dir} user=postgres dbname=pharos") as raw:
        counts: dict[str, Any] = dict(
            raw.execute("SELECT body, count(*) FROM tm_log WHERE body LIKE 's_-%' GROUP BY body")
        )
    assert acknowledged
    assert acknowledged <= counts.keys()
    assert set(counts.values()) == {1}
