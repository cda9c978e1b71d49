"""10,000 alerts over 40 services in 60 s: what is lost, how many messages, how soon the first.

Two real workers route and send, woken by the broker and, as beat does, every 5 s. One alert in
nineteen is critical, so that every service has some. Every message goes to a webhook in a process
of its own, which notes when it came.

What joins a group after its messages of the first half minute is told once the five minutes between
messages are over. Those are waited for with `--patient`; else, once everything is routed, timers
are set as if they were over. An alert is lost when after that neither a message nor a decision
tells of it. The first page of a service counts from its first critical alert; the slowest of all.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import harness

SERVICES = 40
MOST_MESSAGES, FIRST_PAGE_S, JUDGED_S = 200, 30.0, 60.0
WORKERS = 2


def _receive(port: int, log: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = body["group"]["labels"]["service.name"]
            line = json.dumps([time.time(), self.headers["Idempotency-Key"], service])
            with log.open("a") as file:
                file.write(line + "\n")
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Silent."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _prepare(port: int) -> None:
    from apps.alerts.models import Receiver, Route, Rule
    from apps.alerts.services import channels

    Rule.objects.all().delete()
    team = Receiver.objects.create(name="team")
    team.channels.set([channels.ensure("webhook", f"http://127.0.0.1:{port}/")])
    Route.objects.filter(parent=None).update(receiver=team, group_by=["service.name"])


def _fire(first: int, count: int) -> None:
    from django.db import transaction

    from apps.alerts.clock import db_now
    from apps.alerts.models import Episode
    from apps.alerts.routing import enrol

    now = db_now()
    rows = [
        Episode(
            id=uuid.uuid4(),
            rule_name="Errors",
            fingerprint=str(number),
            metric="bench.errors",
            labels={"service.name": f"service-{number % SERVICES}", "host.name": f"host-{number}"},
            direction="above",
            state="firing",
            severity="critical" if number % 19 == 0 else "warning",
            started_at=now,
            fired_at=now,
            updated_at=now,
        )
        for number in range(first, first + count)
    ]
    with transaction.atomic():
        Episode.objects.bulk_create(rows)
        enrol(rows, [], now)


def _storm(alerts: int, seconds: float) -> None:
    from apps.alerts.tasks import route_alerts

    begun, fired, polled = time.monotonic(), 0, 0.0
    while fired < alerts:
        due = min(alerts, int(alerts * (time.monotonic() - begun) / seconds) + 1)
        if due > fired:
            _fire(fired, due - fired)
            fired = due
        if time.monotonic() - polled > 5:
            polled = time.monotonic()
            route_alerts.apply_async(queue="high", expires=5)
        time.sleep(0.1)


def _until(done: Callable[[], bool], limit_s: float) -> bool:
    """Whether it came true in time, while beat goes on as before."""
    from apps.alerts.tasks import dispatch_notifications, route_alerts

    stop_at = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > stop_at:
            return False
        route_alerts.apply_async(queue="high", expires=5)
        dispatch_notifications.apply_async(queue="high", expires=5)
        time.sleep(2)
    return True


def _routed() -> bool:
    from apps.alerts.models import Enrolment, GroupMember

    new = GroupMember.objects.filter(group__last_sent_at=None).exists()
    return not new and not Enrolment.objects.exists()


def _told() -> bool:
    from apps.alerts.models import GroupMember, Notification

    untold = GroupMember.objects.filter(told_at=None).exists()
    return not untold and not Notification.objects.exclude(state="sent").exists()


def _settle(*, patient: bool) -> None:
    """Until every alert is in a message."""
    from apps.alerts.clock import db_now
    from apps.alerts.models import AlertGroup

    _until(_routed, 120)
    if not patient:
        AlertGroup.objects.filter(next_flush_at__isnull=False).update(next_flush_at=db_now())
    _until(_told, 420 if patient else 120)


@contextlib.contextmanager
def _workers() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for number in range(WORKERS):
            command = [
                str(harness.BIN / "celery"), "-A", "portal", "worker", "-Q", "high", "--pool",
                "threads", "-c", "4", "-n", f"storm{number}", "--without-gossip",
                "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR",
            ]  # fmt: skip
            worker = subprocess.Popen(command)
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        _await_workers()
        yield


def _await_workers(limit_s: float = 240) -> None:
    from celery import current_app

    stop_at = time.monotonic() + limit_s
    while len(current_app.control.ping(timeout=2) or ()) < WORKERS:
        if time.monotonic() > stop_at:
            raise TimeoutError("The workers did not come up.")


def _lost() -> tuple[int, int]:
    """Alerts of which nothing tells, and those that still wait for their group's timer."""
    from apps.alerts.models import Decision, Enrolment, Episode, GroupMember

    told = GroupMember.objects.exclude(told_at=None).values("episode")
    untold = Episode.objects.exclude(pk__in=told).exclude(pk__in=Decision.objects.values("episode"))
    timed = GroupMember.objects.filter(group__next_flush_at__isnull=False).values("episode")
    enrolled = Enrolment.objects.values("episode")
    lost = untold.exclude(pk__in=timed).exclude(pk__in=enrolled).count()
    return lost, untold.count() - lost


def _first_pages(came: list[Any]) -> list[float]:
    """Seconds from the first critical alert of each service to its first message."""
    from django.db.models import Min

    from apps.alerts.models import Episode

    first: dict[str, float] = {}
    for at, _, service in came:
        first[service] = min(at, first.get(service, at))
    fired = (
        Episode.objects.filter(severity="critical")
        .order_by()
        .values_list("labels__service.name")
        .annotate(Min("fired_at"))
    )
    return [first.get(service, float("inf")) - at.timestamp() for service, at in fired]


def _figures(log: Path) -> dict[str, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY"
            " extract(epoch FROM m.joined_at - e.fired_at))"
            " FROM alerts_groupmember m JOIN alerts_episode e ON e.id = m.episode_id"
        )
        p50_s, p99_s, worst_s = cursor.fetchone()[0]
    came = [json.loads(line) for line in log.read_text().splitlines()]
    lost, waiting = _lost()
    pages = _first_pages(came)
    messages = len({key for _, key, _ in came})
    return {
        "lost": lost, "waiting": waiting, "messages": messages, "repeats": len(came) - messages,
        "first_page_p50_s": harness.median(pages), "first_page_s": max(pages),
        "routed_p50_s": float(p50_s), "routed_p99_s": float(p99_s),
        "routed_worst_s": float(worst_s),
    }  # fmt: skip


def _run(alerts: int, seconds: float, root: Path, *, patient: bool = False) -> None:
    port, log = harness.free_port(), root / "received.jsonl"
    log.write_text("")
    receiver = [sys.executable, "-m", "benchmarks.storm", "--receive", str(port), str(log)]
    with harness.process(receiver, harness.listening(port)):
        _prepare(port)
        with _workers():
            _storm(alerts, seconds)
            _settle(patient=patient)
    found = _figures(log)
    harness.table(["figure", "value"], list(found.items()))
    passed = (
        not found["lost"]
        and not found["waiting"]
        and found["messages"] <= MOST_MESSAGES
        and found["first_page_s"] <= FIRST_PAGE_S
        and found["routed_worst_s"] <= JUDGED_S
    )
    harness.summary(
        "storm", passed=passed, alerts=alerts, services=SERVICES, seconds=seconds, **found
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--patient", action="store_true")
    parser.add_argument("--receive", nargs=2, metavar=("PORT", "LOG"))
    options = parser.parse_args()
    if options.receive:
        _receive(int(options.receive[0]), Path(options.receive[1]))
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ["PHAROS_RECORDER"] = "0"
    with harness.embedded() as root:
        harness.portal()
        _run(options.alerts, options.seconds, root, patient=options.patient)


if __name__ == "__main__":
    main()
