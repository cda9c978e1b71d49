"""What all benchmarks share: interleaved rounds, medians, own servers, load, one summary line.

The machine is noisy, so only arms measured in turn within one run are compared, by their ratio.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


class QuietServer(ThreadingHTTPServer):
    """An HTTP server on a free port of this machine, to whom a client that dies is no event."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent."""


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def interleaved(
    arms: Mapping[str, Callable[[], Any]], rounds: int, warmup: int = 1
) -> dict[str, list[Any]]:
    """Run every arm in turn, `rounds` times; the order is reversed every other round."""
    found: dict[str, list[Any]] = {name: [] for name in arms}
    for number in range(-warmup, rounds):
        order = list(arms) if number % 2 == 0 else list(reversed(arms))
        for name in order:
            result = arms[name]()
            if number >= 0:
                found[name].append(result)
    return found


def median(values: Sequence[float]) -> float:
    """The median as a float."""
    return float(statistics.median(values))


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a header, aligned."""
    cells = [list(map(str, header)), *([_cell(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        words = [
            w.ljust(n) if i == 0 else w.rjust(n)
            for i, (w, n) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(words), flush=True)


def _cell(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def summary(benchmark: str, *, passed: bool, **figures: Any) -> None:
    """The last line of every benchmark: one JSON object."""
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"benchmark": benchmark, "passed": passed, **rounded}), flush=True)


@contextlib.contextmanager
def process(
    argv: Sequence[str | Path],
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 30,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is up when the block starts and gone when it ends; its output on failure."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [str(word) for word in argv], cwd=PROJECT, stdout=log, stderr=log,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + timeout_s
            while not _holds(ready):
                if child.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{argv[0]} did not start: {log.read().decode()[-2000:]}")
                time.sleep(0.05)
            yield child
        finally:
            child.send_signal(stop)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _holds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except OSError:
        return False


def listening(port: int) -> Callable[[], bool]:
    """Whether something accepts connections on the port."""

    def check() -> bool:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True

    return check


@contextlib.contextmanager
def embedded(*postgresql_settings: str, root: Path | None = None) -> Iterator[Path]:
    """PostgreSQL and Redis of our own, durable as in production.

    In `root`, which stays, or in a temporary PHAROS_HOME.
    """
    from apps.core.embedded import postgresql
    from apps.core.embedded import redis as embedded_redis
    from apps.core.embedded.home import Home

    # Who ends this run by SIGTERM ends its servers and workers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kept = root is not None
    root = root or Path(tempfile.mkdtemp(prefix="pharos-bench-"))
    os.environ["PHAROS_HOME"] = str(root)
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    home = Home.current()
    home.make()
    postgresql.prepare(home)

    def connects() -> bool:
        import psycopg

        try:
            psycopg.connect(f"host={home.run_dir} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def pings() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(home.run_dir / "redis.sock"))
        return True

    try:
        with (
            process(postgresql.command(home, *postgresql_settings), connects, stop=signal.SIGINT),
            process(embedded_redis.command(home), pings),
        ):
            yield root
    finally:
        if not kept:
            shutil.rmtree(root, ignore_errors=True)


def portal() -> None:
    """Django set up, over a fresh and migrated database of the embedded server."""
    import django
    import psycopg
    from django.core.management import call_command

    from apps.core.embedded.home import Home

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    with psycopg.connect(
        f"host={Home.current().run_dir} user=postgres dbname=postgres", autocommit=True
    ) as server:
        server.execute("CREATE DATABASE pharos")
    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)


def cpu_s(pid: int) -> float:
    """CPU seconds used so far by a process and its children."""
    parent = psutil.Process(pid)
    total = 0.0
    for each in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


@dataclass(frozen=True)
class Load:
    """What a closed loop of clients saw."""

    seconds: float
    accepted: int
    refused: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    refused_p50_ms: float | None
    refused_p99_ms: float | None

    @property
    def per_s(self) -> float:
        """Answers of 2xx a second."""
        return self.accepted / self.seconds

    @property
    def refused_share(self) -> float:
        """The share of answers that were 503."""
        return self.refused / max(1, self.refused + self.accepted)


def load(port: int, path: str, connections: int, seconds: float, *, patient: bool = False) -> Load:
    """Drive a server from a process of its own. Patient clients heed Retry-After."""
    argv = [
        sys.executable, "-m", "benchmarks.loadgen", str(port), path, str(connections),
        str(seconds), "patient" if patient else "impatient",
    ]  # fmt: skip
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=True)
    return Load(**json.loads(done.stdout))
