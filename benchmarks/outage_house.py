"""What the benchmarks of outages share: processes, a receiver, a feed, and rules to breach."""

import contextlib
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

from benchmarks import harness

SERVICES, METRICS, INTERVAL_S, FED_EACH_S = 40, 5, 15, 5
BURST, PER_HOUR = 60, 360


class Inbox(BaseHTTPRequestHandler):
    """Notes every message: when, key, whether it may be a repeat, the sender's port. While `hold`
    is set the first of each key is not answered."""

    protocol_version = "HTTP/1.1"
    came: list = []
    hold = threading.Event()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Idempotency-Key"]
        first = all(key != one[1] for one in self.came)
        marked = self.headers["Pharos-May-Repeat"] == "true"
        self.came.append((time.monotonic(), key, marked, self.client_address[1]))
        if first and self.hold.is_set():
            time.sleep(60)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def worker(name):
    """A real worker, killed at the end."""
    return harness.process(
        [
            sys.executable, "-m", "celery", "-A", "portal", "worker", "-Q", "high,default,low",
            "--pool", "threads", "-c", "8", "--without-gossip", "--without-mingle", "-n", name,
            "--loglevel", "ERROR",
        ],
        lambda: True, {"PHAROS_ROLE": "worker"}, stop=signal.SIGKILL,
    )  # fmt: skip


def beat():
    """The real beat, killed at the end."""
    return harness.process(
        [sys.executable, "-m", "celery", "-A", "portal", "beat", "--loglevel", "ERROR"],
        lambda: True, {"PHAROS_ROLE": "beat"}, stop=signal.SIGKILL,
    )  # fmt: skip


def until(done, seconds, what):
    """Poll through any outage; False, and `what` printed, when it never came true."""
    from django.db import connection

    stop_at = time.monotonic() + seconds
    while time.monotonic() < stop_at:
        # The database may be away, or back with every connection broken.
        with contextlib.suppress(Exception):
            if done():
                return True
            time.sleep(0.05)
            continue
        connection.close()
        time.sleep(0.2)
    print(f"never: {what}", flush=True)
    return False


class Feed:
    """Writes every series each five seconds, whatever becomes of it."""

    def __init__(self):
        self.bad = set()
        self.failed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self, which):
        from apps.monitoring.intake.commit import committer
        from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series

        now = time.time_ns()
        rows = [
            Sample(
                Series(
                    Metric(f"bench.{n % METRICS}", "1", Kind.GAUGE),
                    Resource({"service.name": f"service-{n // METRICS}"}), {},
                ),
                now, (1.0 if n % 5 == 0 else 0.85) if n in self.bad else 0.1,
            )
            for n in which
        ]  # fmt: skip
        committer().ingest(Batch(samples=rows), 5)

    @contextlib.contextmanager
    def running(self):
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    def _run(self):
        second = 0
        while not self._stop.wait(1):
            try:
                self.write(range(second % FED_EACH_S, SERVICES * METRICS, FED_EACH_S))
            except Exception:  # noqa: BLE001 (the outage)
                self.failed += 1
            second += 1


def prepare(url):
    """An empty house: five rules over forty services, one capped webhook for all of them."""
    from apps.alerts import models
    from apps.alerts.services import channels

    for model in (models.Rule, models.Episode, models.AlertGroup, models.Notification,
                  models.Digest, models.Tick, models.Enrolment):  # fmt: skip
        model.objects.all().delete()
    channel = channels.ensure("webhook", url)
    models.Cap.objects.update_or_create(
        scope="channel", channel=channel, defaults={"burst": BURST, "per_hour": PER_HOUR}
    )
    models.Bucket.objects.all().delete()
    team, _ = models.Receiver.objects.get_or_create(name="team")
    team.channels.set([channel])
    models.Route.objects.filter(parent=None).update(
        receiver=team, group_by=["service.name"], group_wait_s=5, group_interval_s=10
    )
    for n in range(METRICS):
        models.Rule.objects.create(
            name=f"rule {n}", metric=f"bench.{n}", by=["service.name"], aggregation="max",
            warning=0.8, critical=0.9, for_s=0, window_s=60, interval_s=INTERVAL_S,
        )  # fmt: skip
    Inbox.came.clear()


def ticks_since(moment):
    """Evaluations after this second of the wall clock."""
    from apps.alerts.models import Tick

    return Tick.objects.filter(evaluated_at__gt=datetime.fromtimestamp(moment, UTC)).count()
