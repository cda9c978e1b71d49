"""Worker processes killed with SIGKILL while they hold a message's lease, and a rule's lock.

Real workers and a real beat. How long it takes from the death of a dispatcher to the second arrival
of the message it was handing over, and from the death of an evaluator to the tick it was judging.
"""

import argparse
import contextlib
import os
import signal
import time

import psutil

from benchmarks import harness
from benchmarks.outage_house import METRICS, Feed, Inbox, beat, prepare, ticks_since, until, worker

LIMIT_S = 35.0


def _holder(workers, port):
    """The worker whose connection to the receiver has this port."""
    for one in workers:
        connections = psutil.Process(one.pid).net_connections("tcp")
        if any(connection.laddr.port == port for connection in connections):
            return one
    raise LookupError("No worker holds the connection.")


def _message(stack):
    """Seconds from the death of a dispatcher in a send to the message's second arrival."""
    Inbox.hold.set()
    workers = [stack.enter_context(worker(name)) for name in ("one@bench", "two@bench")]
    feed = Feed()
    feed.bad.add(0)
    feed.write(range(METRICS))
    until(lambda: Inbox.came, 180, "a message")
    _, key, _, port = Inbox.came[0]
    _holder(workers, port).kill()
    killed = time.monotonic()
    until(lambda: sum(one[1] == key for one in Inbox.came) > 1, 90, "the repeat")
    Inbox.hold.clear()
    repeats = [(one[0], one[2]) for one in Inbox.came if one[1] == key][1:]
    return {"message_s": repeats[0][0] - killed if repeats else None,
            "repeat_marked": bool(repeats and repeats[0][1])}  # fmt: skip


def _make_due():
    """Have the rules judged now, but those that an evaluator holds already."""
    from django.db import transaction
    from django.db.models.functions import Now

    from apps.alerts.models import Rule

    with transaction.atomic():
        free = list(Rule.objects.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Rule.objects.filter(pk__in=free).update(next_eval_at=Now())


def _tick(stack):
    """Seconds from the death of an evaluator that holds its rules to their tick."""
    import psycopg

    from apps.core.embedded.home import Home

    first = stack.enter_context(worker("three@bench"))
    begun = time.time()
    until(lambda: ticks_since(begun), 180, "a tick")
    second = stack.enter_context(worker("four@bench"))
    time.sleep(8)
    second.send_signal(signal.SIGSTOP)
    with psycopg.connect(f"host={Home.current().run_dir} user=postgres dbname=pharos") as lock:
        lock.execute("LOCK TABLE tm_sample IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tm_sample'::regclass"
        _make_due()
        until(lambda: lock.execute(waiting).fetchone(), 30, "a blocked evaluator")
        first.kill()
        killed = time.time()
    second.send_signal(signal.SIGCONT)
    until(lambda: ticks_since(killed), 60, "the tick")
    return {"tick_s": time.time() - killed}


PARTS = {"message": _message, "tick": _tick}


def _run(parts):
    inbox = harness.QuietServer(Inbox)
    found = {}
    for part in parts:
        prepare(f"http://127.0.0.1:{inbox.server_port}/")
        with contextlib.ExitStack() as stack:
            stack.enter_context(beat())
            found |= PARTS[part](stack)
    harness.summary(
        "takeover",
        passed=found.get("repeat_marked", True)
        and all((found.get(f"{part}_s") or LIMIT_S + 1) <= LIMIT_S for part in parts),
        limit_s=LIMIT_S, load_1m=os.getloadavg()[0], **found,
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="*", help="message, tick; both without a word")
    parts = parser.parse_args().part or list(PARTS)
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["PHAROS_EVALUATE_ON_WRITE"] = "0"
    with harness.embedded():
        harness.portal()
        _run(parts)


if __name__ == "__main__":
    main()
