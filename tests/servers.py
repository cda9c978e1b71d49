"""Pytest plugin: real PostgreSQL and Redis for the suite, started before Django reads its settings.

The controller starts them in a temporary home, and the making of a database to copy; xdist workers
inherit the environment and take a database and a Redis number of their own. Variables that would
point the tests at real servers are removed: tests create and drop databases.
"""

import atexit
import contextlib
import ctypes
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import redis

from apps.core.embedded import postgresql
from apps.core.embedded import redis as embedded_redis
from apps.core.embedded.home import Home
from tests import template

_MARK = "PHAROS_TEST_SERVERS"
# Some images set it. Each of the hundred processes would compile all of the portal anew: a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel ends the child when this process dies, however it dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def answers(url: str, timeout_s: float = 5.0) -> bool:
    """Whether `url` answers 200 now. Leaves nothing open: a refusal holds its socket, too."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except (OSError, http.client.HTTPException):
        pass
    return False


def _die_at_once(how: signal.Signals) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, how)
    os.setsid()


def _wait(ready: Callable[[], object], process: subprocess.Popen, what: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            words = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{what} stopped with exit code {process.returncode}:\n{words}")
        with contextlib.suppress(psycopg.OperationalError, redis.RedisError, OSError):
            ready()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not answer within 60 s:\n{log.read_text()[-2000:]}")


def _clear_abandoned() -> None:
    """Remove homes of runs that were killed; their servers died with them."""
    for root in Path(tempfile.gettempdir()).glob("pharos-test-*"):
        with contextlib.suppress(OSError, ValueError):
            if root.stat().st_uid != os.getuid():
                continue
            owner = int((root / "owner").read_text())
            if not Path(f"/proc/{owner}").exists() and sys.platform == "linux":
                shutil.rmtree(root, ignore_errors=True)


def _start() -> None:
    _clear_abandoned()
    root = Path(tempfile.mkdtemp(prefix="pharos-test-"))
    os.environ["PHAROS_HOME"] = str(root)
    # Only the tests about it send telemetry on; elsewhere its thread would hold connections.
    os.environ["PHAROS_FORWARD"] = "0"
    # Rules are judged when a test says so.
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    for name in ("DATABASE_URL", "REDIS_URL", "PORT", "PHAROS_HOST", "PHAROS_ROLE"):
        os.environ.pop(name, None)
    home = Home.current()
    home.make()
    (root / "owner").write_text(str(os.getpid()))
    postgresql.prepare(home)
    logs = {name: root / "log" / f"{name}.log" for name in ("postgresql", "redis")}
    settings = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
    argv = {
        "postgresql": postgresql.command(home, *settings, "max_connections=300"),
        "redis": embedded_redis.command(home),
    }
    # SIGQUIT: PostgreSQL takes its children along and makes no checkpoint.
    deaths = {"postgresql": signal.SIGQUIT, "redis": signal.SIGKILL}
    running = {}
    for name, command in argv.items():
        with logs[name].open("wb") as log:
            running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=partial(_die_at_once, deaths[name]),
            )

    def stop() -> None:
        if making is not None:
            making.kill()
            making.wait()
        running["postgresql"].send_signal(signal.SIGQUIT)
        running["redis"].kill()
        for process in running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(root, ignore_errors=True)

    making: subprocess.Popen[bytes] | None = None
    atexit.register(stop)
    _wait(
        lambda: psycopg.connect(f"host={home.run_dir} user=postgres dbname=postgres").close(),
        running["postgresql"], "PostgreSQL", logs["postgresql"],
    )  # fmt: skip
    client = redis.Redis.from_url(home.redis_url)
    _wait(client.ping, running["redis"], "Redis", logs["redis"])
    client.close()
    making = template.start(die_with_parent)


if _MARK not in os.environ:
    _start()
    os.environ[_MARK] = str(os.getpid())

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker:
    number = int(_worker.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = f"{Home.current().redis_url}?db={number % 16}"
