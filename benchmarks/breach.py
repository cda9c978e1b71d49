"""From a breach in the data to the critical page in a receiver's hands, with and without judging on
write.

A real worker and a real beat, a local webhook; points are committed by this process, as the intake
does. Each breach is a rule of its own, judged each 15 s, broken at a random moment; latency runs
from COMMIT of its first bad point to the arrival of the page.
"""

import argparse
import contextlib
import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks import harness

INTERVAL_S = 15
ON_WRITE_LIMIT_S = 1.0
TICK_LIMIT_S = INTERVAL_S + 5.0


class _Inbox(BaseHTTPRequestHandler):
    arrived: dict = {}

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for breach in told.get("breaches", []):
            self.arrived.setdefault(breach["metric"], time.monotonic())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def _rules(arm, count, url):
    from django.db.models.functions import Now

    from apps.alerts.models import Rule
    from apps.alerts.services import channels

    channel = channels.ensure("webhook", url)
    for n in range(count):
        rule = Rule.objects.create(
            name=f"{arm} {n}",
            metric=f"bench.{arm}.{n}",
            aggregation="max",
            critical=0.9,
            for_s=0,
            window_s=60,
            interval_s=INTERVAL_S,
            next_eval_at=Now(),
        )
        rule.channels.add(channel)


def _commit(metric, value):
    from apps.monitoring.intake.commit import committer
    from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series

    series = Series(Metric(metric, "1", Kind.GAUGE), Resource({"service.name": "bench"}), {})
    committer().ingest(Batch(samples=[Sample(series, time.time_ns(), value)]), 30)
    return time.monotonic()


def _arm(arm, count, seconds):
    """Seconds from COMMIT to the page, of each breach; None: it never came."""
    chance = random.Random(7)
    for n in range(count):
        _commit(f"bench.{arm}.{n}", 0.1)
    moments = sorted(chance.uniform(0, seconds) for _ in range(count))
    begun = time.monotonic()
    visible = {}
    for n, moment in enumerate(moments):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        visible[f"bench.{arm}.{n}"] = _commit(f"bench.{arm}.{n}", 1.0)
    deadline = time.monotonic() + TICK_LIMIT_S + 15
    while time.monotonic() < deadline and not visible.keys() <= _Inbox.arrived.keys():
        time.sleep(0.05)
    return [
        _Inbox.arrived[metric] - at if metric in _Inbox.arrived else None
        for metric, at in visible.items()
    ]


@contextlib.contextmanager
def _workers():
    celery = [sys.executable, "-m", "celery", "-A", "portal"]
    environment = {"PHAROS_RECORDER": "0", "PHAROS_EVALUATE_ON_WRITE": "0"}
    worker = [
        *celery, "worker", "-Q", "high,default,low", "--pool", "threads", "-c", "8",
        "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING",
    ]  # fmt: skip
    beat = [*celery, "beat", "--loglevel", "WARNING"]
    with (
        harness.process(worker, lambda: True, {**environment, "PHAROS_ROLE": "worker"}),
        harness.process(beat, lambda: True, {**environment, "PHAROS_ROLE": "beat"}),
    ):
        yield


def _run(options):
    from apps.alerts import waking
    from apps.alerts.models import Rule
    from apps.monitoring.intake import committed

    inbox = ThreadingHTTPServer(("127.0.0.1", 0), _Inbox)
    threading.Thread(target=inbox.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{inbox.server_port}/page"
    Rule.objects.all().delete()
    found = {}
    with _workers():
        # The first page proves that all of it is up.
        _rules("first", 1, url)
        _arm("first", 1, 0)
        for arm in ("tick", "write"):
            if arm == "write":
                committed.listen_metrics(waking.waker.heard)
            _rules(arm, options.breaches, url)
            found[arm] = _arm(arm, options.breaches, options.seconds)
    lost = sum(took is None for arm in found.values() for took in arm)
    told = {arm: sorted(t for t in took if t is not None) for arm, took in found.items()}
    p99 = {arm: took[min(len(took) - 1, int(len(took) * 0.99))] for arm, took in told.items()}
    harness.table(
        ["judged", "breaches", "p50 s", "p99 s"],
        [(arm, len(took), harness.median(took), p99[arm]) for arm, took in told.items()],
    )
    harness.summary(
        "breach",
        passed=not lost and p99["write"] <= ON_WRITE_LIMIT_S and p99["tick"] <= TICK_LIMIT_S,
        lost=lost, interval_s=INTERVAL_S, tick_limit_s=TICK_LIMIT_S, write_limit_s=ON_WRITE_LIMIT_S,
        **{f"{arm}_p50_s": harness.median(took) for arm, took in told.items()},
        **{f"{arm}_p99_s": took for arm, took in p99.items()},
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--breaches", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded():
        harness.portal()
        _run(options)


if __name__ == "__main__":
    main()
