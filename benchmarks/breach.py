"""From a breach in the data to the critical page in a receiver's hands: judged at the tick, judged
on write, and Prometheus with Alertmanager at Debian's settings and at its fastest.

All four run side by side over the same minutes, each broken at random moments, so that they meet
the same machine. A real worker and a real beat, real Debian packages, one local webhook. Latency
runs from the moment a breach is visible in the data (COMMIT of its first bad point; for the pairs
the scrape that fetched it) to the arrival of its page. Every series is written each ten seconds by
this process, as the intake does, so rules are also judged when nothing is wrong.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

from benchmarks import breach_peers, harness

INTERVAL_S = 15
WRITTEN_EACH_S = 10
ON_WRITE_LIMIT_S = 1.0
TICK_LIMIT_S = INTERVAL_S + 5.0
OURS, PEERS = ("tick", "write"), ("fastest", "default")
# Scrape, evaluation, wait, and something on top.
PATIENCE_S = 75


class _Inbox(BaseHTTPRequestHandler):
    """Notes when the first page of each breach came; the path names the arm of a peer."""

    protocol_version = "HTTP/1.1"
    arrived: dict = {}

    def do_POST(self):
        at, body = time.monotonic(), self.rfile.read(int(self.headers["Content-Length"]))
        arm = self.path.strip("/")
        if arm in PEERS:
            names = [(arm, n) for n in breach_peers.breaches_of(body)]
        else:
            metrics = [one["metric"] for one in json.loads(body).get("breaches", [])]
            names = [_parsed(metric) for metric in metrics]
        for name in names:
            self.arrived.setdefault(name, at)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def _parsed(metric):
    _, arm, number = metric.split(".")
    return arm, int(number)


def _rules(arm, count, url):
    from apps.alerts.models import Rule
    from apps.alerts.services import channels

    channel = channels.ensure("webhook", url)
    for n in range(count):
        rule = Rule.objects.create(
            name=f"{arm} {n}", metric=f"bench.{arm}.{n}", aggregation="max", critical=0.9,
            for_s=0, window_s=60, interval_s=INTERVAL_S,
        )  # fmt: skip
        rule.channels.add(channel)


class _Feed:
    """Commits points: each series each ten seconds, and a bad one at once."""

    def __init__(self, count):
        self.names = [(arm, n) for arm in OURS for n in range(count)]
        self.bad = set()
        self._stop = threading.Event()

    def commit(self, names):
        """Write one point of each; when they were committed, by the monotonic clock."""
        from apps.monitoring.intake.commit import committer
        from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series

        now = time.time_ns()
        batch = Batch(
            samples=[
                Sample(
                    Series(
                        Metric(f"bench.{arm}.{n}", "1", Kind.GAUGE),
                        Resource({"service.name": "bench"}),
                        {},
                    ),
                    now,
                    1.0 if (arm, n) in self.bad else 0.1,
                )
                for arm, n in names
            ]
        )
        committer().ingest(batch, 30)
        return time.monotonic()

    def turn(self, arm, number):
        """This series breaches from now on."""
        self.bad.add((arm, number))
        return self.commit([(arm, number)])

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self):
        slot = 0
        while not self._stop.wait(1):
            self.commit(self.names[slot::WRITTEN_EACH_S])
            slot = (slot + 1) % WRITTEN_EACH_S


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


def _hear_only(arm):
    """Rules of this arm are judged on write, as by the listener of the intake."""
    from apps.alerts import waking
    from apps.monitoring.intake import committed

    def hear(names):
        own = [name for name in names if name.startswith(f"bench.{arm}.")]
        if own:
            waking.waker.heard(own)

    committed.listen_metrics(hear)


def _await(names, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not set(names) <= _Inbox.arrived.keys():
        time.sleep(0.05)


def _break_all(arms, options, feed, exporter):
    """Break every series at its moment; when each changed, and when that was visible."""
    chance = random.Random(7)
    plan = sorted(
        (chance.uniform(0, options.seconds), arm, n)
        for arm in arms
        for n in range(options.breaches)
    )
    changed, visible, begun = {}, {}, time.monotonic()
    for moment, arm, n in plan:
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        changed[arm, n] = time.monotonic()
        if arm in OURS:
            visible[arm, n] = feed.turn(arm, n)
        else:
            exporter.turn(arm, n)
    _await(changed, PATIENCE_S)
    for arm, fetched in exporter.fetched.items():
        visible |= {(arm, n): at for n, at in fetched.items()}
    return changed, visible


def _stages():
    """Seconds by the database's clock: from judging to owing, and from owing to sending."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(r.metric, '.', 2), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP"
            "  (ORDER BY extract(epoch FROM n.created_at - t.at)::float8),"
            " percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP"
            "  (ORDER BY extract(epoch FROM n.sent_at - n.created_at)::float8)"
            " FROM alerts_rule r"
            " JOIN LATERAL (SELECT min(evaluated_at) AS at FROM alerts_tick"
            "  WHERE rule_id = r.id AND breaching > 0) t ON true"
            " JOIN alerts_episode e ON e.rule_id = r.id"
            " JOIN alerts_notification n ON n.episode_id = e.id GROUP BY 1 ORDER BY 1"
        )
        return cursor.fetchall()


def _told(arms, options, changed, visible):
    """By arm: latencies from visible and from the change, and how many pages never came."""
    found = {}
    for arm in arms:
        names = [(arm, n) for n in range(options.breaches)]
        came = [name for name in names if name in _Inbox.arrived and name in visible]
        found[arm] = (
            sorted(_Inbox.arrived[name] - visible[name] for name in came),
            sorted(_Inbox.arrived[name] - changed[name] for name in came),
            len(names) - len(came),
        )
    return found


def _share(took, share):
    return took[min(len(took) - 1, int(len(took) * share))] if took else float("inf")


def _report(found):
    harness.table(
        ["arm", "pages", "p50 s", "p90 s", "p99 s", "from the change: p50 s", "p99 s"],
        [
            (arm, len(took), *(_share(took, q) for q in (0.5, 0.9, 0.99)),
             _share(whole, 0.5), _share(whole, 0.99))
            for arm, (took, whole, _) in found.items()
        ],
    )  # fmt: skip
    harness.table(
        ["of ours", "judged to owed p50 s", "p99 s", "owed to sent p50 s", "p99 s"],
        [(arm, *map(float, owed), *map(float, sent)) for arm, owed, sent in _stages()],
    )
    p99 = {arm: _share(took, 0.99) for arm, (took, _, _) in found.items()}
    lost = sum(one for arm, (_, _, one) in found.items() if arm in OURS)
    harness.summary(
        "breach",
        passed=not lost and p99["write"] <= ON_WRITE_LIMIT_S and p99["tick"] <= TICK_LIMIT_S,
        lost=lost, interval_s=INTERVAL_S, tick_limit_s=TICK_LIMIT_S, write_limit_s=ON_WRITE_LIMIT_S,
        load_1m=os.getloadavg()[0],
        **{f"{arm}_p50_s": _share(took, 0.5) for arm, (took, _, _) in found.items()},
        **{f"{arm}_p99_s": took for arm, took in p99.items()},
    )  # fmt: skip


def _run(options, root):
    from apps.alerts.models import Rule

    inbox = harness.QuietServer(_Inbox)
    url = f"http://127.0.0.1:{inbox.server_port}"
    peers = PEERS if shutil.which("prometheus") and shutil.which("prometheus-alertmanager") else ()
    exporter, feed = breach_peers.Exporter(options.breaches), _Feed(options.breaches)
    Rule.objects.all().delete()
    _hear_only("write")
    with contextlib.ExitStack() as stack:
        stack.enter_context(exporter.serving())
        for arm in peers:
            stack.enter_context(breach_peers.pair(arm, exporter, f"{url}/{arm}", root))
        stack.enter_context(_workers())
        # The first page proves that all of it is up.
        _rules("first", 1, url)
        feed.turn("first", 0)
        _await([("first", 0)], 120)
        for arm in OURS:
            _rules(arm, options.breaches, url)
        feed.commit(feed.names)
        stack.enter_context(feed.running())
        time.sleep(INTERVAL_S)
        changed, visible = _break_all((*OURS, *peers), options, feed, exporter)
    _report(_told((*OURS, *peers), options, changed, visible))


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--breaches", type=int, default=100, help="of each arm")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded() as root:
        harness.portal()
        _run(options, root)


if __name__ == "__main__":
    main()
