"""How far a percentile of merged histograms is from the exact one, by tier, and what it costs.

Observations of several shapes are stored as a service sends them (delta histograms, scale 5, each
ten seconds from several senders) and read back as one figure over the range, from points and from
rollups. The exact figure is the nearest rank among all observations. Error is the promise (1.1 %);
time is beside numpy's own percentile over the same raw observations, in the same run.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psutil

from benchmarks import harness

PROMISE: Final = 0.011
SENDERS: Final = 4
PER_POINT: Final = 250
POINTS: Final = 360
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
SHAPES: Final[dict[str, Callable[[Any, int], Any]]] = {
    "lognormal": lambda r, n: r.lognormal(-3, 1.2, n),
    "exponential": lambda r, n: r.exponential(0.05, n) + 1e-6,
    "two humps": lambda r, n: np.where(
        r.random(n) < 0.9, r.normal(0.02, 0.002, n).clip(1e-4), r.normal(2.0, 0.3, n).clip(0.1)
    ),
    "pareto": lambda r, n: 0.001 * (1 + r.pareto(1.5, n)),
}


def fill(start: datetime) -> dict[str, Any]:
    """Store an hour of each shape; all observations by shape."""
    from apps.monitoring.store import histograms
    from apps.monitoring.store import rows as r
    from apps.monitoring.store.writer import Writer

    chance = np.random.default_rng(7)
    writer = Writer()
    everything: dict[str, Any] = {}
    for shape, draw in SHAPES.items():
        metric = r.Metric(f"bench.{shape}", "s", r.Kind.HISTOGRAM, r.Temporality.DELTA)
        senders = [
            r.Series(metric, r.Resource({"service.name": "bench", "host.name": f"h{n}"}), {})
            for n in range(SENDERS)
        ]
        seen = []
        points = []
        for n in range(POINTS):
            at = int((start + timedelta(seconds=10 * n)).timestamp()) * 10**9
            for sender in senders:
                values = draw(chance, PER_POINT)
                seen.append(values)
                s = histograms.from_values(values.tolist())
                points.append(
                    r.Histogram(
                        sender, at - 10**10, at, s.count, s.sum, s.min, s.max, 5, s.zero,
                        s.positive.offset, s.positive.counts.tolist(),
                    )
                )  # fmt: skip
        writer.write([r.Batch(histograms=points)])
        everything[shape] = np.concatenate(seen)
    writer.close()
    return everything


def main() -> None:
    """Print the errors."""
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
        run()


def run() -> None:
    """All shapes and quantiles, from points and from minutes."""
    from apps.core.timerange import TimeRange
    from apps.monitoring.queries import series
    from apps.monitoring.queries.series import SeriesQuery
    from apps.monitoring.store import rollups

    hour = timedelta(hours=1)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 2 * hour
    everything = fill(start)
    near = TimeRange(start, start + hour)
    wide = TimeRange(start - 7 * hour, start + hour)
    rows, worst = [], 0.0
    for tier, where in (("points", near), ("minutes", wide)):
        if tier == "minutes":
            rollups.roll_up(budget_s=120)
        for shape, values in everything.items():
            ordered = np.sort(values)
            for name, q in QUANTILES.items():
                exact = float(ordered[max(int(np.ceil(q * len(ordered))) - 1, 0)])
                series.forget()
                began = time.perf_counter()
                (found,) = series.over(SeriesQuery(f"bench.{shape}", name), where)
                took_ms = 1000 * (time.perf_counter() - began)
                began = time.perf_counter()
                np.percentile(values, 100 * q)
                raw_ms = 1000 * (time.perf_counter() - began)
                error = abs((found.value or 0.0) / exact - 1)
                worst = max(worst, error)
                rows.append((f"{shape} {name}", tier, exact, found.value, f"{error:.3%}",
                             took_ms, took_ms / raw_ms))  # fmt: skip
    harness.table(
        ("shape", "from", "exact s", "merged s", "error", "ms", "ratio to numpy on raw"), rows
    )
    harness.summary(
        "percentiles", passed=worst <= PROMISE, worst_error=round(worst, 5), promised=PROMISE,
        observations=SENDERS * PER_POINT * POINTS, cores=psutil.cpu_count(),
        python=sys.version.split()[0],
    )  # fmt: skip


if __name__ == "__main__":
    main()
