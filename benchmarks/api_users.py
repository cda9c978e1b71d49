"""A thousand concurrent users of the API against a hundred, at the same arrival rate.

Users keep their connections and read a mix: components, metric names, alerts, a series over 15
minutes, and again what has not changed (304, where the API knows a version). Each has an API key of
scope `read`. Requests arrive at a fixed rate and latency counts from when one was due (open loop),
so the two runs ask the machine for the same work and differ only in how many are there. Targets:
95 of 100 within 200 ms with 1,000 users, at most 10 % over the run with 100, and no error.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

from benchmarks import harness

_P95_MS, _OVER = 200.0, 1.10
_KEYS = 20
# Of ten requests; the first of each kind is also asked with its ETag, where it has one.
_PATHS = [
    "/admin/monitoring/components",
    "/admin/monitoring/metrics/names",
    "/admin/monitoring/alerts",
    "/admin/monitoring/metrics?names=system.cpu.utilization&from=now-15m&step=30s",
    "/admin/monitoring/components",
]


def _prepare() -> list[str]:
    """A migrated database with a quarter of an hour of points; keys of scope `read`."""
    import psycopg

    from apps.core.embedded.home import Home

    host = f"host={Home.current().run_dir} user=postgres dbname=postgres"
    with psycopg.connect(host, autocommit=True) as server:
        server.execute("CREATE DATABASE pharos")
    # What is measured is the API, not its limit: the keys may ask as often as they like.
    unlimited = {
        f"PHAROS_RATE_{tier}": "100000000" for tier in ("STANDARD", "PREMIUM", "ANONYMOUS")
    }
    os.environ.update(DJANGO_SETTINGS_MODULE="portal.settings", PHAROS_RECORDER="0", **unlimited)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)
    from django.db import connection

    from apps.core.services import apikeys
    from apps.monitoring.intake.commit import committer

    committer().ingest(_points(), 30)
    committer().close()
    keys = [apikeys.create(f"user {number}", ["read"])[1] for number in range(_KEYS)]
    connection.close()
    return keys


def _points() -> Any:
    from apps.monitoring.store.rows import (
        Batch,
        Kind,
        Metric,
        Resource,
        Sample,
        Series,
        Temporality,
    )

    now_ns = time.time_ns()
    series = [
        Series(
            Metric(name, "1", Kind.GAUGE, Temporality.NONE),
            Resource({"service.name": "pharos", "service.instance.id": f"web-{n}"}),
            {"host": f"h{n}"},
        )
        for name in ("system.cpu.utilization", "system.memory.utilization")
        for n in range(5)
    ]
    return Batch(
        samples=[
            Sample(one, now_ns - second * 10**9, (second % 100) / 100, now_ns)
            for one in series
            for second in range(0, 900, 5)
        ]
    )


def _wanted(port: int, keys: list[str]) -> list[dict[str, Any]]:
    found = []
    for number, path in enumerate(_PATHS * 4):
        headers = {"Authorization": f"Bearer {keys[number % len(keys)]}"}
        found.append({"path": path, "headers": headers, "statuses": [200]})
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            etag = answer.headers.get("ETag")
        if etag and number >= len(_PATHS):
            # Something may have changed meanwhile: then the whole answer is right.
            again = {**headers, "If-None-Match": etag}
            found.append({"path": path, "headers": again, "statuses": [200, 304]})
    return found


def main() -> None:
    """Run both crowds in turn, print the table and the summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=60, help="requests a second in all")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with harness.embedded():
        keys = _prepare()
        port = harness.free_port()
        argv = [
            str(harness.BIN / "granian"), "--interface", "asgi", "--host", "127.0.0.1", "--port",
            str(port), "--workers", "1", "--loop", "uvloop", "--ws", "--backlog", "4096",
            "--backpressure", "4096", "--log-level", "warning", "portal.asgi:application",
        ]  # fmt: skip
        with harness.process(argv, harness.listening(port)):
            wanted = _wanted(port, keys)
            found = harness.interleaved(
                {
                    users: lambda users=users: _run(port, users, wanted, options)
                    for users in (100, 1000)
                },
                options.rounds,
            )
    _tell(found, wanted)


def _run(port: int, users: int, wanted: list[Any], options: argparse.Namespace) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.api_load", str(port), str(users), str(options.rate),
            str(options.seconds)]  # fmt: skip
    done = subprocess.run(
        argv, cwd=harness.PROJECT, input=json.dumps(wanted), stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def _tell(found: dict[Any, list[dict[str, Any]]], wanted: list[Any]) -> None:
    quantiles = ("p50_ms", "p95_ms", "p99_ms", "p999_ms")
    medians = {
        users: {name: harness.median([one[name] for one in results]) for name in quantiles}
        for users, results in found.items()
    }
    errors = sum(one["errors"] for results in found.values() for one in results)
    harness.table(
        ["users", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "errors"],
        [
            (
                str(users),
                *(seen[name] for name in quantiles),
                sum(one["errors"] for one in found[users]),
            )
            for users, seen in medians.items()
        ],
    )
    over = medians[1000]["p95_ms"] / medians[100]["p95_ms"]
    harness.summary(
        "api_users",
        passed=medians[1000]["p95_ms"] <= _P95_MS and over <= _OVER and errors == 0,
        p95_ms=medians[1000]["p95_ms"], p95_limit_ms=_P95_MS, over=over, over_limit=_OVER,
        errors=errors, conditional=sum(304 in one["statuses"] for one in wanted) / len(wanted),
    )  # fmt: skip


if __name__ == "__main__":
    main()
