"""What the Overview costs: one live tick and one first load, in CPU time of web and PostgreSQL.

The store holds six hours of a busy portal (30 routes, one point each three seconds, SQL, cache and
host metrics) and of a shop with five requests a second. No cache is kept warm between two readings
of a first load. CPU time is what counts: on a shared machine wall time tells of the neighbours.
"""

import argparse
import itertools
import os
import random
import time
from datetime import UTC, datetime, timedelta

import psutil

from benchmarks import harness

TICK_LIMIT_MS, FIRST_LIMIT_MS = 30.0, 250.0
HOURS = 6
TEMPLATES = 400
ROUTES = [f"/admin/part{n // 6}/page{n}/" for n in range(30)]


def _histogram(series, now_ns, values):
    from apps.monitoring.store import histograms
    from apps.monitoring.store.rows import Histogram

    state = histograms.from_values(values)
    return Histogram(
        series, now_ns - 10**9, now_ns, state.count, state.sum, state.min, state.max, state.scale,
        state.zero, state.positive.offset, state.positive.counts.tolist(),
    )  # fmt: skip


def _series():
    """Every series, by how its points come: (series, seconds between points, is a histogram)."""
    from apps.monitoring.store import rows as r

    def histogram(resource, name, **attrs):
        metric = r.Metric(name, "s", r.Kind.HISTOGRAM, r.Temporality.DELTA)
        return r.Series(metric, resource, {k.replace("__", "."): v for k, v in attrs.items()})

    def number(name, kind, temporality, attrs):
        metric = r.Metric(name, "1", kind, temporality, kind is r.Kind.SUM)
        return r.Series(metric, own, attrs)

    own = r.Resource({"service.name": "pharos", "service.instance.id": "bench-web"})
    shop = r.Resource({"service.name": "shop", "service.instance.id": "shop-1"})
    found = []
    for resource, routes, every_s in ((own, ROUTES, 3), (shop, ROUTES[:5], 1)):
        for n, route in enumerate(routes):
            status = "500" if n % 10 == 9 else "404" if n % 10 == 8 else "200"
            attrs = {"http.route": route, "http.response.status_code": status,
                     "http.request.method": "GET"}  # fmt: skip
            found.append((histogram(resource, "http.server.request.duration", **attrs), every_s, 1))
            if resource is own:
                attrs = {"db.operation.name": "SELECT", "db.query.summary": f"SELECT table{n}"}
                found.append((histogram(own, "db.client.operation.duration", **attrs), every_s, 1))
    for state in ("hit", "miss", "ok"):
        attrs = {"cache.state": state, "cache.alias": "default"}
        delta = number("cache.requests", r.Kind.SUM, r.Temporality.DELTA, attrs)
        found.append((delta, 1, 0))
    none, grown = r.Temporality.NONE, r.Temporality.CUMULATIVE
    for name, label, values, kind, how in (
        ("celery.queue.age", "celery.queue.name", ("high", "default", "low"), r.Kind.GAUGE, none),
        ("process.cpu.utilization", "process.role", ("web", "worker", "beat"), r.Kind.GAUGE, none),
        ("system.cpu.utilization", "host", ("a",), r.Kind.GAUGE, none),
        ("system.memory.utilization", "host", ("a",), r.Kind.GAUGE, none),
        ("postgresql.connection.count", "state", ("active", "idle"), r.Kind.GAUGE, none),
        ("system.network.io", "network.io.direction", ("in", "out"), r.Kind.SUM, grown),
        ("system.disk.io", "disk.io.direction", ("read", "write"), r.Kind.SUM, grown),
    ):
        found += [(number(name, kind, how, {label: value}), 5, 0) for value in values]
    return found


def _fill(raw):
    """Six hours of points, and their minutes, made by PostgreSQL from random templates."""
    from apps.monitoring.intake.commit import committer
    from apps.monitoring.store.encode import COLUMNS
    from apps.monitoring.store.rows import Batch, Sample

    made = _series()
    now_ns = time.time_ns()
    batch = Batch()
    chance = random.Random(7)
    first = made[0][0]
    for n in range(TEMPLATES):
        values = [chance.lognormvariate(-4.0, 0.9) for _ in range(chance.randint(1, 6))]
        batch.histograms.append(_histogram(first, now_ns + n * 1000, values))
    for series, _, is_histogram in made:
        if is_histogram:
            batch.histograms.append(_histogram(series, now_ns, [0.01]))
        else:
            batch.samples.append(Sample(series, now_ns, 1.0, now_ns))
    committer().ingest(batch, 30)
    raw.execute(
        "CREATE TEMP TABLE template AS SELECT row_number() OVER () - 1 AS k, * FROM"
        " (SELECT * FROM tm_hist ORDER BY ts LIMIT %s OFFSET 1) t", [TEMPLATES - 1],
    )  # fmt: skip
    raw.execute("CREATE INDEX ON template (k)")
    ids = dict(raw.execute("SELECT id, hash FROM tm_series").fetchall())
    raw.execute("TRUNCATE tm_hist, tm_sample, tm_dirty")
    kinds = raw.execute(
        "SELECT s.id, m.name, m.kind, m.temporality, r.service FROM tm_series s"
        " JOIN tm_metric m ON m.id = s.metric_id JOIN tm_resource r ON r.id = s.resource_id"
    ).fetchall()
    assert len(kinds) == len(ids) == len(made)
    end = datetime.now(UTC)
    start = (end - timedelta(hours=HOURS)).replace(second=0, microsecond=0)
    rest = "n, sum, min, max, scale, zero, pos_off, pos, neg_off, neg, bounds"
    for number, (series_id, name, kind, temporality, service) in enumerate(kinds):
        every_s = 1 if service == "shop" or name.startswith("cache") else 3 if kind == 3 else 5
        if kind == 3:
            for table, key, step_s in (("tm_hist", "ts", every_s), ("tm_hist_1m", "bucket", 60)):
                raw.execute(
                    f"INSERT INTO {table} (series_id, {key}, {rest})"
                    f" SELECT %s, g, {rest} FROM generate_series(%s::timestamptz, %s, %s)"
                    f" WITH ORDINALITY AS o(g, i) JOIN template ON k = (i * 7919 + %s) %% %s",
                    [series_id, start, end, timedelta(seconds=step_s), number * 31, TEMPLATES - 1],
                )
        else:
            raw.execute(
                "INSERT INTO tm_sample (series_id, ts, value, start_ts)"
                " SELECT %s, g, CASE WHEN %s = 2 THEN i * 1000 ELSE random() END, %s"
                " FROM generate_series(%s::timestamptz, %s, %s) WITH ORDINALITY AS o(g, i)",
                [series_id, temporality, start, start, end, timedelta(seconds=every_s)],
            )  # fmt: skip
    assert COLUMNS
    raw.execute("INSERT INTO tm_dirty (kind, bucket) SELECT 1, g FROM"
                " generate_series(%s::timestamptz, %s, '1 min') g", [start, end])  # fmt: skip
    from apps.monitoring.store.rollups import roll_up

    roll_up(budget_s=60)
    raw.execute("DELETE FROM tm_dirty")
    raw.execute("VACUUM ANALYZE tm_hist, tm_sample, tm_hist_1m, tm_sample_1m")


def _cpu_s(backend):
    own = time.process_time()
    times = backend.cpu_times()
    return own, times.user + times.system


def _arm(ask, backend, repeat):
    """Ask some times; CPU milliseconds of this process and of its backend for one time."""

    def run():
        before = _cpu_s(backend)
        for _ in range(repeat):
            ask()
        after = _cpu_s(backend)
        return tuple((b - a) / repeat * 1000 for a, b in zip(before, after, strict=True))

    return run


def _forget():
    from apps.monitoring.queries import series
    from portal.overview import payload

    series.forget()
    payload._kept.clear()


def _arms(backend):
    from django.http import QueryDict

    from apps.core.charts import Window
    from apps.core.rangepicker import Choice
    from portal.overview import payload

    def window(span):
        return Window.of(Choice.strict(QueryDict(f"from=now-{span}")))

    def first(service, span):
        def ask():
            _forget()
            payload.whole(service, window(span))

        return ask

    def tick(service, span):
        ticks = itertools.count()

        def ask():
            # A tick comes each two seconds; lookups are remembered for five.
            if next(ticks) % 2 == 0:
                _forget()
            payload.newest(service, window(span).step_s)

        return ask

    arms = {}
    for service in ("pharos", "shop"):
        arms[f"tick {service} 15m"] = _arm(tick(service, "15m"), backend, 8)
        for span in ("15m", "1h", "6h"):
            arms[f"first {service} {span}"] = _arm(first(service, span), backend, 2)
    return arms


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    os.environ["PHAROS_RECORDER"] = "0"
    with harness.embedded():
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        import django
        import psycopg
        from django.core.management import call_command

        from apps.core.embedded.home import Home

        with psycopg.connect(
            f"host={Home.current().run_dir} user=postgres dbname=postgres", autocommit=True
        ) as server:
            server.execute("CREATE DATABASE pharos")
        django.setup()
        call_command("migrate", verbosity=0, skip_checks=True)
        _run(options)


def _run(options):
    from django.db import connection

    from apps.monitoring.intake.commit import committer
    from apps.monitoring.store import connect

    with connect.open_connection("bench", 170, autocommit=True) as raw:
        _fill(raw)
    connection.ensure_connection()
    backend = psutil.Process(connection.connection.info.backend_pid)
    arms = _arms(backend)
    if options.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.runcall(arms[options.profile])
        profile.print_stats("tottime")
        committer().close()
        return
    found = harness.interleaved(arms, options.rounds)
    committer().close()
    rows, totals = [], {}
    for name, results in found.items():
        web, backend_ms = (harness.median([r[i] for r in results]) for i in (0, 1))
        totals[name] = web + backend_ms
        rows.append((name, web, backend_ms, web + backend_ms))
    harness.table(["CPU ms", "web", "PostgreSQL", "both"], rows)
    passed = all(
        ms <= (TICK_LIMIT_MS if name.startswith("tick") else FIRST_LIMIT_MS)
        for name, ms in totals.items()
    )
    harness.summary("overview", passed=passed, tick_limit_ms=TICK_LIMIT_MS,
                    first_limit_ms=FIRST_LIMIT_MS, **totals)  # fmt: skip


if __name__ == "__main__":
    main()
