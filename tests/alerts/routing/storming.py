"""Routers and dispatchers under fire: `python -m tests.alerts.routing.storming SEED KILLS`.

Three children route and send without end. KILLS times one of them, by chance, is killed with
SIGKILL after a few milliseconds and replaced; then `calm` is printed and the children are left
alone until a line comes in.
"""

import os
import random
import signal
import sys
import time

import django

WORKERS = 3


def work() -> None:
    from apps.alerts.routing import route
    from apps.alerts.services.dispatch import dispatch

    while True:
        done = route()
        sent = dispatch("webhook")
        if not (done.placed or done.flushed or sent):
            time.sleep(0.01)


def start() -> int:
    child = os.fork()
    if child == 0:
        # Whatever happens, a child never returns into the parent's code.
        try:
            work()
        finally:
            os._exit(1)
    return child


def main(seed: int, kills: int) -> None:
    django.setup()
    from django.db import connections

    from apps.alerts import conf, outbox

    outbox.kick = outbox.wake = lambda *args: None
    conf.LEASE_S, conf.SEND_DEADLINE_S = 2, 1.0
    connections.close_all()
    chance = random.Random(seed)
    children = [start() for _ in range(WORKERS)]
    print("begun", flush=True)  # noqa: T201
    for _ in range(kills):
        time.sleep(chance.uniform(0.005, 0.08))
        number = chance.randrange(WORKERS)
        os.kill(children[number], signal.SIGKILL)
        os.waitpid(children[number], 0)
        children[number] = start()
    print("calm", flush=True)  # noqa: T201
    sys.stdin.readline()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
