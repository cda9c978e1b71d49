"""2,000 rules, each every 15 s, on one worker: how late they are judged, and what it costs.

50 metrics of 40 services, one rule each, over real points in a real store; a process of its own
writes every series each 15 s. One rule in ten fires all the time. The evaluator is woken once a
second, as beat does. Lag is the time from a tick to the statement that records it.
"""

import argparse
import os
import subprocess
import sys
import time

from benchmarks import harness

METRICS, SERVICES = 50, 40
LAG_LIMIT_S = 3.0
INTERVAL_S = 15


def _series():
    from apps.monitoring.store.rows import Kind, Metric, Resource, Series

    metrics = [Metric(f"bench.metric.{n}", "1", Kind.GAUGE) for n in range(METRICS)]
    for service in range(SERVICES):
        resource = Resource({"service.name": f"service-{service}"})
        for metric in metrics:
            yield Series(metric, resource, {"host.name": f"host-{service % 4}"})


def _write(series, at_ns):
    from apps.monitoring.intake.commit import committer
    from apps.monitoring.store.rows import Batch, Sample

    rows = [Sample(one, at_ns, 0.95 if n % 10 == 0 else 0.1) for n, one in series]
    committer().ingest(Batch(samples=rows), 60)


def _feed():
    """Write every series each 15 s, spread over the seconds, until killed."""
    series = list(enumerate(_series()))
    while True:
        for second in range(INTERVAL_S):
            begun = time.monotonic()
            _write(series[second::INTERVAL_S], time.time_ns())
            time.sleep(max(0.0, 1 - (time.monotonic() - begun)))


def _prepare():
    from apps.alerts.models import Rule

    series = list(enumerate(_series()))
    now = time.time_ns()
    for ago_s in range(600, 0, -INTERVAL_S):
        _write(series, now - ago_s * 10**9)
    Rule.objects.all().delete()
    Rule.objects.bulk_create(
        Rule(
            name=f"rule {n}",
            metric=one.metric.name,
            scope={"service.name": one.resource.service},
            by=["host.name"],
            warning=0.8,
            critical=0.9,
            for_s=30,
            window_s=60,
            interval_s=INTERVAL_S,
        )
        for n, one in series
    )


def _evaluate(seconds):
    """Wake the evaluator each second; CPU seconds and evaluations."""
    from apps.alerts.evaluation import evaluate_due

    evaluated, cpu = 0, time.process_time()
    stop_at = time.monotonic() + seconds
    while (begun := time.monotonic()) < stop_at:
        evaluated += evaluate_due().evaluated
        time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
    return evaluated, time.process_time() - cpu


def _lag(since):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY"
            " extract(epoch FROM evaluated_at - tick)), sum(skipped), count(*)"
            " FROM alerts_tick WHERE evaluated_at > %s",
            [since],
        )
        return cursor.fetchone()


def _run(seconds):
    from apps.alerts.clock import db_now
    from apps.alerts.models import Episode

    _prepare()
    feeder = subprocess.Popen([sys.executable, "-m", "benchmarks.rules", "--feed"])
    try:
        _evaluate(2 * INTERVAL_S)  # the first ticks are all due at once
        since = db_now()
        evaluated, cpu_s = _evaluate(seconds)
    finally:
        feeder.kill()
        feeder.wait()
    (p50_s, p99_s, worst_s), skipped, ticks = _lag(since)
    firing = Episode.objects.filter(state="firing").count()
    harness.table(
        ["rules", "evaluations", "a second", "lag p50 s", "p99 s", "worst s", "CPU of one core"],
        [
            (
                METRICS * SERVICES,
                ticks,
                ticks / seconds,
                p50_s,
                p99_s,
                worst_s,
                f"{cpu_s / seconds:.0%}",
            )
        ],
    )
    harness.summary(
        "rules", passed=p99_s <= LAG_LIMIT_S and not skipped and firing >= METRICS * SERVICES / 10,
        rules=METRICS * SERVICES, interval_s=INTERVAL_S, evaluated=evaluated, skipped=int(skipped),
        lag_p50_s=p50_s, lag_p99_s=p99_s, lag_worst_s=worst_s, lag_limit_s=LAG_LIMIT_S,
        cpu_share=cpu_s / seconds, firing=firing, ms_an_evaluation=cpu_s / max(1, ticks) * 1000,
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--feed", action="store_true")
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    if options.feed:
        import django

        django.setup()
        _feed()
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded():
        harness.portal()
        _run(options.seconds)


if __name__ == "__main__":
    main()
