"""Pages and API through the one port, against Granian WSGI with the same view.

Limit: Granian's WSGI server with as many threads. Target: 0.7 of its requests/s, and no collapse at
1,000 connections, where what does not fit is answered 503 at once.
"""

import argparse
import os

import psycopg

from apps.core.embedded.home import Home
from benchmarks import harness

_TARGET = 0.7
_THREADS = 8


def _server(interface: str, target: str, port: int, *extra: str) -> list[str]:
    return [
        str(harness.BIN / "granian"), "--interface", interface, "--host", "127.0.0.1",
        "--port", str(port), "--loop", "uvloop", "--backlog", "4096", "--backpressure", "4096",
        "--log-level", "warning", *extra, f"benchmarks.web_app:{target}",
    ]  # fmt: skip


def _prepare(host: str) -> None:
    with psycopg.connect(f"host={host} user=postgres dbname=postgres", autocommit=True) as db:
        db.execute("CREATE TABLE bench_order (id serial PRIMARY KEY, customer int, total numeric)")
        db.execute(
            "INSERT INTO bench_order (customer, total)"
            " SELECT n % 100, n FROM generate_series(1, 2000) n"
        )
        db.execute("ANALYZE bench_order")


def main() -> None:
    """Run all cells, print the table and the summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--views", default="/plain/,/orders/")
    options = parser.parse_args()
    with harness.embedded():
        host = str(Home.current().run_dir)
        _prepare(host)
        os.environ["BENCH_DATABASE_HOST"] = host
        limit, ours = harness.free_port(), harness.free_port()
        threads = ("--blocking-threads", str(_THREADS))
        with (
            harness.process(
                _server("wsgi", "wsgi", limit, *threads), harness.listening(limit)
            ) as wsgi,
            harness.process(_server("asgi", "application", ours), harness.listening(ours)) as shell,
        ):
            cells = [
                _cell(view, connections, options, (limit, wsgi.pid), (ours, shell.pid))
                for view in options.views.split(",")
                for connections in (64, 1000)
            ]
    rows = [row for cell in cells for row in cell["rows"]]
    harness.table(
        ["view, connections, server", "200/s", "p50 ms", "p99 ms", "503 share", "503 p50 ms",
         "failed", "CPU µs/200", "x limit"],
        rows,
    )  # fmt: skip
    ratios = {f"{c['view']}@{c['connections']}": c["ratio"] for c in cells}
    harness.summary("web", passed=min(ratios.values()) >= _TARGET, target=_TARGET, ratios=ratios)


def _cell(view, connections, options, limit, ours):
    def arm(server, *, patient):
        port, pid = server

        def run():
            before = harness.cpu_s(pid)
            seen = harness.load(port, view, connections, options.seconds, patient=patient)
            return seen, (harness.cpu_s(pid) - before) / max(1, seen.accepted) * 1e6

        return run

    arms = {"granian WSGI (limit)": arm(limit, patient=False), "shell": arm(ours, patient=False)}
    if connections > 64:
        arms["shell, clients heed Retry-After"] = arm(ours, patient=True)
    found = harness.interleaved(arms, options.rounds)
    base = harness.median([seen.per_s for seen, _ in found["granian WSGI (limit)"]])
    rows, ratio = [], 0.0
    for name, results in found.items():
        per_s = harness.median([seen.per_s for seen, _ in results])
        middle = sorted(results, key=lambda r: r[0].per_s)[len(results) // 2]
        seen, cpu_us = middle
        if name == "shell":
            ratio = round(per_s / base, 3)
        rows.append(
            (f"{view} {connections:>4} {name}", per_s, seen.p50_ms or 0.0, seen.p99_ms or 0.0,
             seen.refused_share, seen.refused_p50_ms or 0.0, seen.failed, cpu_us, per_s / base)
        )  # fmt: skip
    return {"view": view, "connections": connections, "ratio": ratio, "rows": rows}


if __name__ == "__main__":
    main()
