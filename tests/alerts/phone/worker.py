"""A worker of the outbox that is killed: `worker.py [INSTANT]`, over every kind there is.

taken      a provider took a message, and its outcome is not noted yet
noted      the outcome, the fall-back and the event are written, and COMMIT never comes
run        no stop: it sends what is due until nothing is, and may be killed at any moment
"""

import sys

import django


def stop_here() -> None:
    print(sys.argv[1], flush=True)  # noqa: T201
    sys.stdin.readline()


def preload() -> None:
    """What every worker needs, for `tests.forking`."""
    from apps.alerts.services import dispatch, outbox  # noqa: F401


def main() -> None:
    instant = sys.argv[1]
    django.setup()

    from apps.alerts import outbox as waking
    from apps.alerts.delivery import NOTIFIERS
    from apps.alerts.services import dispatch, ladder, outbox

    waking.kick = waking.wake = lambda *args: None
    outbox.backoff_s = lambda attempt: 0.0
    if instant == "taken":
        real = dispatch.settle

        def settle(*args):
            stop_here()
            return real(*args)

        dispatch.settle = settle
    if instant == "noted":
        follow = outbox._follow_up

        def follow_up(*args):
            follow(*args)
            stop_here()

        outbox._follow_up = follow_up
    rounds = 200 if instant == "run" else 1
    for _ in range(rounds):
        sent = sum(dispatch.dispatch(kind) for kind in NOTIFIERS)
        ladder.sweep()
        if not sent and instant == "run":
            break
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
