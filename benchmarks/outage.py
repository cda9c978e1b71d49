"""PostgreSQL or Redis away for a minute in the middle of a storm of alerts.

Two real workers and a real beat; PostgreSQL and Redis are processes of this run, killed with
SIGKILL and started again, or frozen with SIGSTOP. 200 series of 40 services begin to breach one
after the other, before, during and after the outage; their points come each five seconds, and what
cannot be written while PostgreSQL is away is lost, as at a sender that gives up.

An alert is lost when no message tells of it, falsely resolved when it ends at all, for none of them
gets better. Over the cap: messages owed beyond the channel's burst and rate, less its critical
first pages. What was late is told as the seconds from the return to the first evaluation.
"""

import argparse
import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter

import psutil

from benchmarks import harness
from benchmarks.outage_house import (
    BURST,
    INTERVAL_S,
    METRICS,
    PER_HOUR,
    SERVICES,
    Feed,
    Inbox,
    beat,
    prepare,
    ticks_since,
    until,
    worker,
)  # fmt: skip

BEFORE_S, AFTER_S, SETTLE_S = 20, 15, 120
BACK_LIMIT_S = INTERVAL_S + 5.0
FAULTS = ("postgresql-killed", "postgresql-frozen", "redis-killed")


def _postgres():
    from apps.core.embedded import postgresql
    from apps.core.embedded.home import Home

    home = Home.current()

    def connects():
        import psycopg

        try:
            psycopg.connect(f"host={home.run_dir} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    return postgresql.command(home), connects, signal.SIGINT


def _redis():
    import redis

    from apps.core.embedded import redis as embedded
    from apps.core.embedded.home import Home

    def pings():
        with contextlib.suppress(redis.RedisError):
            return redis.Redis.from_url(Home.current().redis_url).ping()

    return embedded.command(Home.current()), pings, signal.SIGTERM


def _server(word):
    """The server among our children whose command has this word."""
    living = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return next(one for one in living if word in one.cmdline()[0])


def _away(fault, seconds, servers):
    """The outage; returns when the server answers again."""
    which = "redis" if fault == "redis-killed" else "postgres"
    server = _server(which)
    family = [server, *server.children(recursive=True)]
    if fault == "postgresql-frozen":
        for one in family:
            one.suspend()
        time.sleep(seconds)
        for one in reversed(family):
            one.resume()
        return
    server.kill()
    psutil.wait_procs(family, 10)
    time.sleep(seconds)
    command, ready, stop = _redis() if which == "redis" else _postgres()
    servers.enter_context(harness.process(command, ready, stop=stop))


def _storm(fault, options, stack, servers):
    from django.db import connection

    from apps.alerts.models import Episode, GroupMember, Notification

    total = SERVICES * METRICS
    order = [(n * 37) % total for n in range(total)]
    feed = stack.enter_context(Feed().running())
    until(lambda: ticks_since(0) >= METRICS, 180, "the first ticks")
    whole_s = BEFORE_S + options.outage + AFTER_S
    begun, gone = time.monotonic(), threading.Event()

    def spread():
        while (share := (time.monotonic() - begun) / whole_s) < 1:
            feed.bad.update(order[: int(share * total)])
            time.sleep(0.2)
        feed.bad.update(order)
        gone.set()

    threading.Thread(target=spread, daemon=True).start()
    time.sleep(BEFORE_S)
    _away(fault, options.outage, servers)
    back = time.time()
    connection.close()
    until(lambda: ticks_since(back) > 0, 120, "a tick")
    evaluated_s = time.time() - back
    gone.wait()
    until(lambda: Episode.objects.count() >= total, SETTLE_S, "every alert")
    until(
        lambda: not GroupMember.objects.filter(told_at=None).exists()
        and not Notification.objects.exclude(state="sent").exists(),
        SETTLE_S, "everything told",
    )  # fmt: skip
    return {"evaluated_after_s": evaluated_s, "writes_failed": feed.failed,
            **_figures(total, time.monotonic() - begun)}  # fmt: skip


def _figures(total, elapsed_s):
    from django.db.models import Q, Sum

    from apps.alerts.models import Bucket, Enrolment, Episode, GroupMember, Notification

    told = GroupMember.objects.exclude(told_at=None).values("episode")
    untold = Episode.objects.exclude(pk__in=told)
    timed = GroupMember.objects.filter(group__next_flush_at__isnull=False).values("episode")
    waiting = untold.filter(Q(pk__in=timed) | Q(pk__in=Enrolment.objects.values("episode"))).count()
    owed = Notification.objects.count()
    exempt = Bucket.objects.aggregate(n=Sum("exempt"))["n"] or 0
    unmarked = Counter(key for _, key, repeats, _ in Inbox.came if not repeats)
    return {
        "alerts": Episode.objects.count(),
        "lost": total - Episode.objects.filter(pk__in=told).count() - waiting,
        "waiting": waiting,
        "ended": Episode.objects.exclude(ended_at=None).count(),
        "messages": owed,
        "over_cap": max(0.0, owed - exempt - BURST - elapsed_s * PER_HOUR / 3600 - 1),
        "repeats_marked": sum(one[2] for one in Inbox.came),
        "repeats_unmarked": sum(n - 1 for n in unmarked.values()),
    }


def _run(options, servers):
    inbox = harness.QuietServer(Inbox)
    url, passed, figures = f"http://127.0.0.1:{inbox.server_port}/", True, {}
    for fault in options.fault:
        prepare(url)
        with contextlib.ExitStack() as stack:
            stack.enter_context(beat())
            for name in ("one@bench", "two@bench"):
                stack.enter_context(worker(name))
            found = _storm(fault, options, stack, servers)
        bad = ("lost", "waiting", "ended", "over_cap", "repeats_unmarked")
        passed &= not any(found[name] for name in bad)
        passed &= found["evaluated_after_s"] <= BACK_LIMIT_S
        print(fault, json.dumps(found), flush=True)
        figures[fault] = found
    harness.summary(
        "outage", passed=passed, outage_s=options.outage, evaluated_limit_s=BACK_LIMIT_S,
        load_1m=os.getloadavg()[0], **figures,
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", nargs="*", default=["postgresql-killed"], help=", ".join(FAULTS))
    parser.add_argument("--outage", type=float, default=60, help="seconds a server is away")
    options = parser.parse_args()
    if unknown := set(options.fault) - set(FAULTS):
        parser.error(f"Unknown: {', '.join(unknown)}. There are: {', '.join(FAULTS)}.")
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded():
        harness.portal()
        with contextlib.ExitStack() as servers:
            _run(options, servers)


if __name__ == "__main__":
    main()
