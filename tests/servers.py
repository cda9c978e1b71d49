"""Pytest plugin: real PostgreSQL and Redis for the suite, started before Django reads its settings.

The controller starts them in a temporary home; xdist workers inherit the environment and take a
database and a Redis number of their own.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import redis

from apps.core.embedded import postgresql
from apps.core.embedded import redis as embedded_redis
from apps.core.embedded.home import Home

_MARK = "PHAROS_TEST_SERVERS"


def _wait(ready, process: subprocess.Popen, what: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{what} stopped at once with exit code {process.returncode}")
        with contextlib.suppress(Exception):
            ready()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not answer within 30 s")


def _start() -> None:
    root = Path(tempfile.mkdtemp(prefix="pharos-test-"))
    os.environ["PHAROS_HOME"] = str(root)
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    home = Home.current()
    home.make()
    postgresql.prepare(home)
    log = (root / "log" / "servers.log").open("wb")
    database = subprocess.Popen(
        postgresql.command(home, "fsync=off", "max_connections=300"),
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    cache = subprocess.Popen(
        embedded_redis.command(home), stdout=log, stderr=log, start_new_session=True
    )

    def stop() -> None:
        database.send_signal(signal.SIGINT)
        cache.terminate()
        for process in (database, cache):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
        shutil.rmtree(root, ignore_errors=True)

    atexit.register(stop)
    _wait(
        lambda: psycopg.connect(f"host={home.run_dir} user=postgres dbname=postgres").close(),
        database, "PostgreSQL",
    )  # fmt: skip
    _wait(lambda: redis.Redis.from_url(home.redis_url).ping(), cache, "Redis")


if _MARK not in os.environ:
    _start()
    os.environ[_MARK] = str(os.getpid())

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker:
    number = int(_worker.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = f"{Home.current().redis_url}?db={number % 16}"
