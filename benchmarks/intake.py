"""Durable OTLP intake over HTTP: rows per second and per core, and how near that is to bare COPY.

A real web server and PostgreSQL with fsync on; gzip protobuf bodies are made before the clock
starts and sent by a process of its own. "Per core" divides by the CPU seconds of web server and
PostgreSQL together, because both are needed to make a row durable. The limit is a plain COPY of the
very same rows into a table with the same indexes, in the same run.
"""

import contextlib
import gzip
import http.client
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks import harness

ROUNDS = 3
CONNECTIONS = 4
TARGET_ROWS, TARGET_SAMPLES = 12_000, 100_000
# Bodies a round and rows a body; samples are small, so more of them go together.
ARMS = {"traces": (60, 512), "logs": (60, 512), "metrics": (30, 5_000)}
TABLES = {"traces": "tm_span", "logs": "tm_log", "metrics": "tm_sample"}


def bodies(signal: str) -> list[bytes]:
    """Fresh bodies: each differs from all before, or the intake would know it as a retry."""
    from tests.monitoring.intake import messages

    count, rows = ARMS[signal]
    make = {
        "traces": messages.typical_spans,
        "logs": messages.typical_logs,
        "metrics": messages.typical_samples,
    }[signal]
    return [gzip.compress(make(rows).SerializeToString(), 6) for _ in range(count)]


def send(url: str, key: str, signal: str, file: str) -> None:
    """The sender's process: prints the seconds each request took, after all are answered."""
    waiting = pickle.loads(Path(file).read_bytes())
    address = urlsplit(url).netloc
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
    }
    took: list[float] = []

    def work() -> None:
        connection = http.client.HTTPConnection(address, timeout=30)
        while True:
            try:
                body = waiting.pop()
            except IndexError:
                return
            begun = time.perf_counter()
            connection.request("POST", f"/v1/{signal}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200 or content:
                raise RuntimeError(f"{answer.status}: {content!r}")
            took.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"wall_s": time.perf_counter() - begun, "took_s": took}))


class Bench:
    """One server under test."""

    def __init__(self, url: str, key: str, web: int, database: int) -> None:
        self.url, self.key, self.web, self.database = url, key, web, database

    def round(self, signal: str) -> dict[str, Any]:
        """Send one round of a signal and say what it cost."""
        count, rows = ARMS[signal]
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(pickle.dumps(bodies(signal)))
            web, database = harness.cpu_s(self.web), harness.cpu_s(self.database)
            sender = subprocess.run(
                [sys.executable, "-m", "benchmarks.intake", self.url, self.key, signal, file.name],
                cwd=harness.PROJECT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            web, database = harness.cpu_s(self.web) - web, harness.cpu_s(self.database) - database
        answer = json.loads(sender.stdout)
        if len(answer["took_s"]) != count:
            raise RuntimeError(f"A sender failed: {sender.stderr[-2000:]}")
        took = sorted(answer["took_s"])
        total = count * rows
        return {
            "rows_s": total / answer["wall_s"],
            "rows_s_core": total / (web + database),
            "web_us": web / total * 1e6,
            "database_us": database / total * 1e6,
            "p50_ms": took[len(took) // 2] * 1000,
            "p99_ms": took[int(len(took) * 0.99)] * 1000,
        }


def copy_rows_s(table: str, conninfo: str) -> float:
    """Rows per second of a bare COPY of what `table` holds, indexes and fsync included."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.cursor()
        newest = f"(SELECT * FROM {table} ORDER BY ts DESC LIMIT 60000)"
        with cursor.copy(f"COPY {newest} TO STDOUT (FORMAT BINARY)") as copy:
            data = [bytes(chunk) for chunk in copy]
        cursor.execute(f"CREATE TABLE bench_copy (LIKE {table} INCLUDING ALL)")
        begun = time.perf_counter()
        with cursor.copy("COPY bench_copy FROM STDIN (FORMAT BINARY)") as copy:
            for chunk in data:
                copy.write(chunk)
        took_s = time.perf_counter() - begun
        count = cursor.execute("SELECT count(*) FROM bench_copy").fetchone()
        cursor.execute("DROP TABLE bench_copy")
        return count[0] / took_s


def healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
        return answer.status == 200


def run(bench: Bench, conninfo: str) -> bool:
    arms = {name: (lambda name=name: bench.round(name)) for name in ARMS}
    found = harness.interleaved(arms, ROUNDS)
    figures: dict[str, Any] = {}
    lines = []
    for name, results in found.items():
        middle = {key: harness.median([r[key] for r in results]) for key in results[0]}
        limit = copy_rows_s(TABLES[name], conninfo)
        lines.append([name, *middle.values(), limit, middle["rows_s"] / limit])
        figures[f"{name}_rows_s"] = middle["rows_s"]
        figures[f"{name}_rows_s_core"] = middle["rows_s_core"]
        figures[f"{name}_p99_ms"] = middle["p99_ms"]
        figures[f"{name}_of_copy"] = middle["rows_s"] / limit
    header = ["signal", "rows/s", "rows/s/core", "web µs", "pg µs", "p50 ms", "p99 ms"]
    harness.table([*header, "COPY rows/s", "ratio"], lines)
    passed = (
        min(figures["traces_rows_s_core"], figures["logs_rows_s_core"]) >= TARGET_ROWS
        and figures["metrics_rows_s"] >= TARGET_SAMPLES
    )
    harness.summary("intake", passed=passed, **figures)
    return passed


@contextlib.contextmanager
def serving() -> Iterator[tuple[Bench, str]]:
    """A migrated database and a web on it; what to bench, and how to reach the database."""
    with harness.embedded() as root:
        from apps.core.embedded.home import Home

        home = Home.current()
        conninfo = f"host={home.run_dir} user=postgres dbname=pharos"
        pid = int((home.postgresql_dir / "postmaster.pid").read_text().split()[0])
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        python = sys.executable
        for argv in (
            [python, "-m", "portal.run.prepare"],
            [python, "manage.py", "apikey", "bench", "--scope", "ingest", "--scope", "read"],
        ):
            done = subprocess.run(
                argv, cwd=harness.PROJECT, capture_output=True, text=True, check=True
            )
        port = harness.free_port()
        url = f"http://127.0.0.1:{port}"
        server = [
            python, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--loop", "uvloop", "--ws",
            "--log-level", "warning", "portal.asgi:application",
        ]  # fmt: skip
        environment = {"PHAROS_HOME": str(root), "PORT": str(port), "PHAROS_ROLE": "web"}
        with harness.process(server, lambda: healthy(url), environment) as web:
            yield Bench(url, done.stdout.strip(), web.pid, pid), conninfo


def main() -> int:
    with serving() as (bench, conninfo):
        return 0 if run(bench, conninfo) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        send(*sys.argv[1:])
    else:
        sys.exit(main())
