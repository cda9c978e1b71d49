"""How fast the committer makes rows durable, beside what PostgreSQL takes from a ready file.

Both arms fill the same tables with the same rows, 2,000 rows a transaction, fsync on. The limit
is a server-side binary COPY: no client, no encoding. Client and server share the machine, so
`per core` counts the processor time of both.
"""

import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from benchmarks import harness

ROUNDS = 5
GROUP = 2_000
TARGETS = {"spans": 12_000, "logs": 12_000, "samples": 100_000}
ATTRIBUTES = {
    "http.request.method": "GET", "http.route": "/products/{id}", "url.path": "/products/17",
    "http.response.status_code": 200, "server.address": "shop", "user_agent.original": "k6/0.50",
}  # fmt: skip


@dataclass
class Kind:
    """Rows of one kind, as batches a producer would hand in, and the file PostgreSQL reads."""

    name: str
    table: str
    batches: list[Any]
    rows: int


def build() -> list[Kind]:
    """Ready rows: decoding is another benchmark's business."""
    from apps.monitoring.store import rows as r

    resource = r.Resource({"service.name": "shop", "host.name": "bench"})
    now = time.time_ns()
    trace = [os.urandom(16) for _ in range(5_000)]
    spans = [
        r.Span(
            resource, trace[i // 8], os.urandom(8), os.urandom(8), f"GET /products/{i % 40}", 2,
            now + i * 1000, now + i * 1000 + 5_000_000, 0, {**ATTRIBUTES, "n": i},
        )
        for i in range(40_000)
    ]  # fmt: skip
    text = "payment of order {} accepted by provider after {} ms, customer notified by mail"
    logs = [
        r.LogRecord(
            resource, now + i * 1000, now, 9, text.format(i, i % 900), {**ATTRIBUTES, "n": i},
            trace[i // 8], os.urandom(8),
        )
        for i in range(40_000)
    ]  # fmt: skip
    series = [
        r.Series(
            r.Metric(f"m{i % 50}", "1", r.Kind.SUM, r.Temporality.CUMULATIVE, monotonic=True),
            resource, {"n": i},
        )
        for i in range(1_000)
    ]  # fmt: skip
    samples = [
        r.Sample(series[i % 1_000], now + (i // 1_000) * 10**7, float(i), now)
        for i in range(400_000)
    ]

    def cut(name: str, values: Sequence[Any], size: int) -> list[Any]:
        return [r.Batch(**{name: values[i : i + size]}) for i in range(0, len(values), size)]

    return [
        Kind("spans", "tm_span", cut("spans", spans, 500), len(spans)),
        Kind("logs", "tm_log", cut("logs", logs, 500), len(logs)),
        Kind("samples", "tm_sample", cut("samples", samples, 1000), len(samples)),
    ]


def committed(kind: Kind) -> float:
    """Seconds until every batch is acknowledged; eight are under way at a time."""
    from apps.monitoring.intake.commit import committer

    for batch in kind.batches:
        batch.key = uuid4()
    waiting: deque[Any] = deque()
    begun = time.perf_counter()
    for batch in kind.batches:
        if len(waiting) == 8:
            waiting.popleft().result(30)
        waiting.append(committer().submit(batch))
    accepted = sum(future.result(30).accepted for future in waiting)
    assert accepted
    return time.perf_counter() - begun


def files(raw: Any, kind: Kind, folder: Path) -> list[Path]:
    """What the committer stored, as binary files of one group each, readable by the server."""
    from apps.monitoring.store.encode import COLUMNS

    paths = []
    for part in range(kind.rows // GROUP):
        path = folder / f"{kind.name}-{part}"
        raw.execute(
            f"COPY (SELECT {COLUMNS[kind.table]} FROM {kind.table}"
            f" OFFSET {part * GROUP} LIMIT {GROUP}) TO '{path}' BINARY"
        )
        paths.append(path)
    return paths


def copied(raw: Any, kind: Kind, paths: Sequence[Path]) -> float:
    """Seconds the server needs for the same rows on its own, one transaction a file."""
    from apps.monitoring.store.encode import COLUMNS

    begun = time.perf_counter()
    for path in paths:
        raw.execute(f"COPY {kind.table} ({COLUMNS[kind.table]}) FROM '{path}' BINARY")
    return time.perf_counter() - begun


def processor_s() -> float:
    """Processor time of this process and of every PostgreSQL below it, so far."""
    return harness.cpu_s(os.getpid())


def measure(raw: Any, kind: Kind, folder: Path) -> list[Any]:
    """One line of the table."""
    committed(kind)
    paths = files(raw, kind, folder)
    spent: list[float] = []

    def ours() -> float:
        raw.execute(f"TRUNCATE {kind.table}, tm_dirty, tm_ingest")
        raw.execute("CHECKPOINT")
        before = processor_s()
        took = committed(kind)
        spent.append(processor_s() - before)
        return took

    def limit() -> float:
        raw.execute(f"TRUNCATE {kind.table}")
        raw.execute("CHECKPOINT")
        return copied(raw, kind, paths)

    arms: dict[str, Callable[[], float]] = {"committer": ours, "limit": limit}
    found = harness.interleaved(arms, ROUNDS)
    stored = raw.execute(f"SELECT count(*) FROM {kind.table}").fetchone()[0]
    assert stored == kind.rows, (stored, kind.rows)
    ours_s, limit_s = (harness.median(found[arm]) for arm in ("committer", "limit"))
    per_core = kind.rows / harness.median(spent[-ROUNDS:])
    return [kind.name, kind.rows / ours_s, kind.rows / limit_s, limit_s / ours_s, per_core]


def main() -> None:
    """Run it."""
    with harness.embedded():
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        import django
        import psycopg
        from django.core.management import call_command

        from apps.core.embedded.home import Home
        from apps.monitoring.intake.commit import committer
        from apps.monitoring.store import connect

        with psycopg.connect(
            f"host={Home.current().run_dir} user=postgres dbname=postgres", autocommit=True
        ) as server:
            server.execute("CREATE DATABASE pharos")
        django.setup()
        call_command("migrate", "monitoring", verbosity=0, skip_checks=True)
        lines: list[list[Any]] = []
        with (
            tempfile.TemporaryDirectory(dir=Home.current().run_dir) as folder,
            connect.open_connection("bench", 120, autocommit=True) as raw,
        ):
            lines += [measure(raw, kind, Path(folder)) for kind in build()]
        committer().close()
        harness.table(["kind", "rows/s", "limit rows/s", "ratio", "rows/s per core"], lines)
        passed = all(line[4] >= TARGETS[line[0]] for line in lines)
        passed &= all(line[1] >= TARGETS["samples"] for line in lines if line[0] == "samples")
        harness.summary(
            "store", passed=passed, cores=psutil.cpu_count(), python=sys.version.split()[0],
            **{line[0]: round(line[1]) for line in lines},
            **{f"{line[0]}_ratio": line[3] for line in lines},
            **{f"{line[0]}_per_core": round(line[4]) for line in lines},
        )  # fmt: skip


if __name__ == "__main__":
    main()
