"""What a day costs on its way through the tiers, and how searches fare on compressed lines.

A day of log lines and one of spans are made, then thinned, compressed and archived by the same code
that the worker runs. `copy` is what PostgreSQL needs to copy the same rows into an empty table with
the same indexes: no replacement of a partition could be faster than its share of that.
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import harness
from benchmarks.logs import _LOAD, _SERVICES

SEARCHES_MS = {"newest": 1000, "trace": 1000, "word": 5000}
_SPANS = """
INSERT INTO tm_span (ts, trace_id, span_id, parent_id, resource_id, name_id, kind, status, dur_us,
                     attrs)
SELECT %(start)s::timestamptz + i * %(step)s * interval '1 microsecond', md5((i / 8)::text)::uuid,
  i + 1, CASE WHEN i %% 8 > 0 THEN i / 8 * 8 + 1 END, 1 + i %% 7, 1 + i %% 40,
  CASE WHEN i %% 8 = 0 THEN 2 ELSE 3 END, CASE WHEN i %% 4000 = 0 THEN 2 ELSE 0 END,
  (exp(random() * 5) * 500)::int8,
  jsonb_build_object('http.route', '/products/{id}', 'db.query.text', 'SELECT * FROM basket')
FROM generate_series(0, %(n)s - 1) i
"""


def load(lines: int, spans: int, day: datetime) -> None:
    """One whole day of both."""
    from django.core.management import call_command
    from django.db import connection

    from apps.monitoring.store import partitions

    call_command("migrate", verbosity=0)
    partitions.ensure()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for number, name in enumerate(_SERVICES, 1):
            cursor.execute(
                "INSERT INTO tm_resource (id, hash, service, attrs) OVERRIDING SYSTEM VALUE"
                " VALUES (%s, gen_random_uuid(), %s, '{}')", [number, name],
            )  # fmt: skip
        cursor.execute(
            "INSERT INTO tm_name (id, value) OVERRIDING SYSTEM VALUE"
            " SELECT i, 'GET /' || i FROM generate_series(1, 40) i"
        )
        whole = timedelta(hours=24) / timedelta(microseconds=1)
        asked = {"start": day, "step": whole / lines, "low": 0, "high": lines - 1}
        cursor.execute(_LOAD, asked)
        cursor.execute(_SPANS, {"start": day, "step": whole / spans, "n": spans})
        cursor.execute("DELETE FROM tm_dirty")
        cursor.execute("ANALYZE tm_log")
        cursor.execute("ANALYZE tm_span")


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what it gave."""
    began = time.perf_counter()
    found = act()
    return time.perf_counter() - began, found


def sized(*names: str) -> int:
    """Bytes of these tables with their indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::int8"
            " FROM unnest(%s::text[]) AS name", [list(names)],
        )  # fmt: skip
        return int(cursor.fetchone()[0])


def copied(name: str) -> float:
    """Seconds to copy a partition into an empty table with its indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bench_copy (LIKE {name} INCLUDING ALL)")
        took, _ = timed(lambda: cursor.execute(f"INSERT INTO bench_copy SELECT * FROM {name}"))
        cursor.execute("DROP TABLE bench_copy")
    return took


def measure(lines: int, spans: int) -> None:
    """One run on the servers there are."""
    from django.conf import settings

    from apps.core.timerange import TimeRange
    from apps.monitoring.models import SamplingPolicy
    from apps.monitoring.queries import logs
    from apps.monitoring.queries.logfilter import LogFilter
    from apps.monitoring.services import keeping, sampling
    from apps.monitoring.store import swap

    settings.PHAROS_ARCHIVE_DIR = Path(tempfile.mkdtemp(prefix="pharos-bench-"))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today - timedelta(days=1)
    load(lines, spans, day)
    log_name, span_name = f"tm_log_p{day:%Y%m%d}", f"tm_span_p{day:%Y%m%d}"
    block_name = f"tm_log_block_p{day:%Y%m%d}"
    held: list[float] = []
    swapped = swap.replace

    def watched(*args: Any) -> None:
        held.append(timed(lambda: swapped(*args))[0])

    swap.replace = watched
    figures: dict[str, float] = {
        "log_mb": sized(log_name) / 1e6, "span_mb": sized(span_name) / 1e6,
        "copy_logs_s": copied(log_name), "copy_spans_s": copied(span_name),
    }  # fmt: skip
    policy = SamplingPolicy.objects.create(name="bench", hot_h=24)
    figures["preview_s"], _ = timed(lambda: sampling.preview(policy))
    SamplingPolicy.objects.update(enabled=True)
    figures["thin_s"], report = timed(lambda: keeping.keep(today + timedelta(hours=25)))
    assert span_name in report.done["thin"], report
    figures["kept_mb"] = sized(span_name) / 1e6
    figures["compress_s"], report = timed(lambda: keeping.keep(today + timedelta(days=31)))
    assert log_name in report.done["compress"], report
    figures["compressed_mb"] = sized(block_name) / 1e6
    figures["locked_s"] = max(held)
    where = TimeRange(day, today)
    one = logs.search(where, LogFilter(), limit=1).rows[0]
    good = True
    for name, wanted in {
        "newest": LogFilter(service="shop"), "trace": LogFilter(trace_id=one.trace_id),
        "word": LogFilter(text="chargeback"),
    }.items():  # fmt: skip
        took, found = timed(lambda wanted=wanted: logs.search(where, wanted))
        assert found.rows
        figures[f"{name}_ms"] = took * 1000
        good &= took * 1000 <= SEARCHES_MS[name]
    figures["archive_s"], report = timed(lambda: keeping.keep(today + timedelta(days=91)))
    assert block_name in report.done["archive"], report
    files = [file for file in settings.PHAROS_ARCHIVE_DIR.rglob("*") if file.is_file()]
    figures["archived_mb"] = sum(file.stat().st_size for file in files) / 1e6
    harness.table(["figure", "value"], [[name, value] for name, value in figures.items()])
    harness.summary("keep", passed=good, lines=lines, spans=spans, **figures)


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--spans", type=int, default=1_000_000)
    wish = parser.parse_args()
    with harness.embedded() as root:
        import django

        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        url = f"host={root / 'run'} user=postgres dbname=postgres"
        with psycopg.connect(url, autocommit=True) as server, contextlib.suppress(psycopg.Error):
            server.execute("CREATE DATABASE pharos")
        django.setup()
        measure(wish.lines, wish.spans)


if __name__ == "__main__":
    main()
