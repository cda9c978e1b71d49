"""A thousand viewers of one live topic at 1 Hz, against what the machine can do in the same run.

Limits: a raw uvloop protocol that writes a ready frame to every transport, and a plain ASGI
application that awaits `send()` in a loop, on the same server as ours. Targets: first to last
receipt at most 50 ms at the median, 99 of 100 receipts within 1 s of the computing, nothing lost,
computing as often as for one viewer, memory flat, and nothing in the log when all leave at once.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks import harness

_SPREAD_MS, _P99_MS, _GROWTH = 50.0, 1000.0, 1.1


def _prepare() -> str:
    """A migrated database with a signed-in superuser; their session cookie."""
    import psycopg

    from apps.core.embedded.home import Home

    host = f"host={Home.current().run_dir} user=postgres dbname=postgres"
    with psycopg.connect(host, autocommit=True) as server:
        server.execute("CREATE DATABASE pharos")
    os.environ.update(DJANGO_SETTINGS_MODULE="portal.settings", PHAROS_RECORDER="0")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connection

    user = User.objects.create_superuser("bench", "bench@localhost", "bench")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    connection.close()
    return str(session.session_key)


def _granian(target: str, port: int) -> list[str]:
    return [
        str(harness.BIN / "granian"), "--interface", "asgi", "--host", "127.0.0.1", "--port",
        str(port), "--workers", "1", "--loop", "uvloop", "--ws", "--backlog", "4096",
        "--backpressure", "4096", "--log-level", "warning", target,
    ]  # fmt: skip


class Arm:
    """One server, its log, and how its viewers are sent to it."""

    def __init__(self, argv: Sequence[str], port: int, log: Path, path: str, *more: str) -> None:
        self.argv, self.port, self.log, self.path, self.more = argv, port, log, path, more
        self.rss: list[int] = []
        self.pid = 0

    def command(self) -> list[str]:
        return ["sh", "-c", f"exec {shlex.join(self.argv)} >{shlex.quote(str(self.log))} 2>&1"]

    def run(self, viewers: int, seconds: float) -> dict[str, Any]:
        """What the viewers saw, and the server's CPU a fan-out."""
        before = harness.cpu_s(self.pid)
        argv = [
            sys.executable, "-m", "benchmarks.live_client", str(self.port), self.path,
            str(viewers), str(seconds), *self.more,
        ]  # fmt: skip
        done = subprocess.run(
            argv, cwd=harness.PROJECT, stdout=subprocess.PIPE, text=True, check=True
        )
        seen = json.loads(done.stdout)
        seen["cpu_ms"] = (harness.cpu_s(self.pid) - before) * 1000
        self.rss.append(_rss(self.pid))
        return seen


def _rss(pid: int) -> int:
    parent = psutil.Process(pid)
    return sum(p.memory_info().rss for p in (parent, *parent.children(recursive=True)))


def main() -> None:
    """Run all arms in turn, print the table and the summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    with harness.embedded(), tempfile.TemporaryDirectory() as logs:
        cookie = _prepare()
        raw, plain, ours = (harness.free_port() for _ in range(3))
        arms = {
            "uvloop, ready frame (limit)": Arm(
                [sys.executable, "-m", "benchmarks.live_limits", str(raw)],
                raw, Path(logs, "raw"), "/",
            ),
            "plain ASGI loop": Arm(
                _granian("benchmarks.live_limits:application", plain),
                plain, Path(logs, "plain"), "/",
            ),
            "live topic": Arm(
                _granian("benchmarks.live_app:application", ours),
                ours, Path(logs, "ours"), "/ws/live", cookie, "bench",
            ),
        }  # fmt: skip
        with (
            _started(arms["uvloop, ready frame (limit)"]),
            _started(arms["plain ASGI loop"]),
            _started(arms["live topic"]),
        ):
            _measure(arms, options)


def _started(arm: Arm):
    started = harness.process(arm.command(), harness.listening(arm.port))

    class _Named:
        def __enter__(self) -> None:
            arm.pid = started.__enter__().pid

        def __exit__(self, *error: Any) -> None:
            started.__exit__(*error)

    return _Named()


def _measure(arms: dict[str, Arm], options: argparse.Namespace) -> None:
    found = harness.interleaved(
        {
            name: lambda arm=arm: arm.run(options.viewers, options.seconds)
            for name, arm in arms.items()
        },
        options.rounds,
    )
    alone = arms["live topic"].run(1, options.seconds)
    rows, medians = [], {}
    for name, results in found.items():
        seen = {key: harness.median([r[key] for r in results]) for key in results[0]}
        seen["lost"] = sum(r["lost"] for r in results)
        seen["dropped"] = sum(r["refused"] + r["lost_sockets"] for r in results)
        medians[name] = seen
        rows.append((name, seen["spread_ms"], seen["last_ms"], seen["p99_ms"], seen["lost"],
                     seen["dropped"], seen["cpu_ms"] / options.seconds))  # fmt: skip
    harness.table(
        [f"{options.viewers} viewers", "first to last ms", "computed to last ms", "p99 ms", "lost",
         "dropped", "server CPU ms/s"],
        rows,
    )  # fmt: skip
    _judge(arms["live topic"], medians, found["live topic"], alone)


def _judge(ours: Arm, medians: Any, results: Any, alone: dict[str, Any]) -> None:
    seen, limit = medians["live topic"], medians["uvloop, ready frame (limit)"]
    said = ours.log.read_text(errors="replace")
    errors = said.count("Traceback") + said.count('"level": "error"') + said.count("[ERROR]")
    # The first round fills caches and grows what stays.
    growth = ours.rss[-1] / ours.rss[0]
    runs = harness.median([r["runs_per_s"] for r in results])
    passed = (
        seen["spread_ms"] <= _SPREAD_MS
        and seen["p99_ms"] <= _P99_MS
        and seen["lost"] + seen["dropped"] + errors == 0
        and growth <= _GROWTH
        and runs <= 1.2 * alone["runs_per_s"]
    )
    harness.summary(
        "live", passed=passed, spread_ms=seen["spread_ms"], spread_limit_ms=_SPREAD_MS,
        x_limit=seen["spread_ms"] / limit["spread_ms"],
        x_plain=seen["spread_ms"] / medians["plain ASGI loop"]["spread_ms"],
        p99_ms=seen["p99_ms"], lost=seen["lost"], dropped=seen["dropped"], log_errors=errors,
        rss_mb=[round(rss / 2**20) for rss in ours.rss], growth=growth,
        runs_per_s=runs, runs_per_s_alone=alone["runs_per_s"],
        compute_ms=harness.median([r["compute_ms"] for r in results]),
        compute_ms_alone=alone["compute_ms"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
