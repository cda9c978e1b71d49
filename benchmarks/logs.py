"""How long searches of log lines take on a large store: ten million lines of one day.

A day of lines is the hard case: the older hours lie in a partition that has its indexes, the
younger ones in today's. Loading and indexing take minutes, so `--home` keeps the store for the next
run. Each search is asked in turn with the others; `scan` is what PostgreSQL needs to read every
line once, in the same run: no search without an index could be faster.
"""

import argparse
import contextlib
import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import harness

ROUNDS = 7
LIMITS_MS = {"newest": 50, "trace": 20, "line": 20, "word": 500, "rare": 500, "request": 500,
             "nothing": 5000, "short": 5000, "without": 5000}  # fmt: skip
_SERVICES = ("shop", "bank", "mail", "search", "stock", "gate", "audit", "seldom")
_LOAD = """
INSERT INTO tm_log (ts, observed_ts, resource_id, severity, trace_id, span_id, body, attrs)
SELECT at, at, CASE WHEN i %% 50000 = 0 THEN 8 ELSE 1 + i %% 7 END,
  CASE WHEN i %% 97 = 0 THEN 17 WHEN i %% 23 = 0 THEN 13 ELSE 9 END,
  md5((i / 8)::text)::uuid, hashint8extended(i, 0),
  CASE i %% 10
    WHEN 0 THEN 'payment of order ' || i || ' accepted by provider after ' || i %% 900 || ' ms'
    WHEN 1 THEN 'GET /products/' || i %% 5000 || ' answered 200 in ' || i %% 300 || ' ms'
    WHEN 2 THEN 'cache miss for key user:' || md5(i::text) || ', loaded from the database'
    WHEN 3 THEN 'mail to customer ' || i %% 90000 || ' queued with template order_confirmation'
    WHEN 4 THEN 'session ' || md5((i / 3)::text) || ' renewed'
    WHEN 5 THEN 'stock of article ' || i %% 7000 || ' is now ' || i %% 40
    WHEN 6 THEN 'query took ' || i %% 2000 || ' ms: SELECT * FROM basket WHERE customer = ' || i
    WHEN 7 THEN 'connection from 10.0.' || i %% 250 || '.' || i %% 199 || ' closed'
    WHEN 8 THEN 'retrying charge ' || i || ' in ' || i %% 30 || ' s: upstream timed out'
    ELSE 'worker ' || i %% 16 || ' finished job ' || i || ' of queue default'
  END || CASE WHEN i %% 100000 = 7 THEN ' kraken awoke' ELSE '' END
      || CASE WHEN i %% 1000 = 3 THEN ' chargeback' ELSE '' END,
  jsonb_build_object('logger', 'shop.orders', 'n', i, 'request_id', md5((i / 5)::text),
                     'http.route', '/products/{id}')
FROM (SELECT i, %(start)s::timestamptz + i * %(step)s * interval '1 microsecond' AS at
      FROM generate_series(%(low)s::bigint, %(high)s::bigint) i) x
"""


def load(lines: int) -> None:
    """The lines of one day up to now, and their late indexes."""
    from django.core.management import call_command
    from django.db import connection

    from apps.monitoring.store import partitions, sealing

    call_command("migrate", verbosity=0)
    partitions.ensure()
    now = datetime.now(UTC)
    day = timedelta(hours=24)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT count(*) FROM tm_log")
        there = cursor.fetchone()[0] >= lines
        for number, name in enumerate(_SERVICES, 1):
            cursor.execute(
                "INSERT INTO tm_resource (id, hash, service, attrs, first_seen, last_seen)"
                " OVERRIDING SYSTEM VALUE"
                " VALUES (%s, gen_random_uuid(), %s, '{}', now(), now()) ON CONFLICT DO NOTHING",
                [number, name],
            )
        step = day / lines / timedelta(microseconds=1)
        for low in range(0, 0 if there else lines, 250_000):
            high = min(low + 250_000, lines) - 1
            asked = {"start": now - day, "step": step, "low": low, "high": high}
            cursor.execute(_LOAD, asked)
    loaded = time.perf_counter()
    while not sealing.seal(budget_s=3600).finished:
        pass
    print(f"loaded in {loaded - began:.0f} s, indexed in {time.perf_counter() - loaded:.0f} s")


def arms() -> dict[str, Any]:
    """What is asked, by name; each over the whole day."""
    from django.db import connection

    from apps.core.timerange import TimeRange
    from apps.monitoring.queries import logs
    from apps.monitoring.queries.logs import LogFilter

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT max(ts), count(*) FROM tm_log")
        newest, _ = cursor.fetchone()
    end = newest + timedelta(seconds=1)
    day = TimeRange(end - timedelta(days=1), end)
    some = logs.search(TimeRange(day.start, day.start + timedelta(hours=5)), LogFilter()).rows[0]

    def search(least: int = 1, **wanted: Any) -> Any:
        def ask() -> float:
            began = time.perf_counter()
            found = logs.search(day, LogFilter(**wanted))
            took = (time.perf_counter() - began) * 1000
            assert len(found.rows) >= least or found.partial, (wanted, len(found.rows))
            return -took if found.partial else took

        return ask

    def line() -> float:
        began = time.perf_counter()
        assert logs.line(some.place) is not None
        return (time.perf_counter() - began) * 1000

    def scan() -> float:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tm_log WHERE body ILIKE '%%kraken%%'")
            assert cursor.fetchone()[0]
        return (time.perf_counter() - began) * 1000

    assert some.attrs
    return {
        "newest": search(100, service="shop"),
        "trace": search(1, trace_id=some.trace_id),
        "line": line,
        "word": search(100, text="chargeback"),
        "rare": search(1, text="kraken awoke"),
        "request": search(1, request_id=some.attrs["request_id"]),
        "nothing": search(0, text="nowhere-to-be-found"),
        "short": search(0, text="qx"),
        "without": search(0, service="seldom", text="-a"),
        "scan": scan,
    }


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--home", type=Path, help="where the store is kept for the next run")
    wish = parser.parse_args()
    with harness.embedded(root=wish.home) as root:
        measure(root, wish.lines, wish.rounds)


def measure(root: Path, lines: int, rounds: int) -> None:
    """One run on the servers of `root`."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    url = f"host={root / 'run'} user=postgres dbname=postgres"
    with psycopg.connect(url, autocommit=True) as server, contextlib.suppress(psycopg.Error):
        server.execute("CREATE DATABASE pharos")
    django.setup()
    load(lines)
    found = harness.interleaved(arms(), rounds)
    rows, figures, good = [], {}, True
    for name, values in found.items():
        partial = sum(value < 0 for value in values)
        took = [abs(value) for value in values]
        worst, limit = max(took), LIMITS_MS.get(name)
        middle = statistics.median(took)
        good &= limit is None or middle <= limit
        rows.append([name, middle, worst, partial, limit or ""])
        figures[f"{name}_ms"] = middle
    harness.table(["search", "median ms", "worst ms", "partial", "limit ms"], rows)
    disk = sum(f.stat().st_size for f in root.rglob("*") if f.is_file()) / 1e9
    harness.summary("logs", passed=good, lines=lines, store_gb=disk, **figures)


if __name__ == "__main__":
    main()
