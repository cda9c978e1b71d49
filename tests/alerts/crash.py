"""A worker that stops dead at a chosen instant: `python -m tests.alerts.crash INSTANT`.

before-commit   a rule is evaluated, everything written, COMMIT never comes
after-commit    the same, and the process dies before anything is sent
claimed         messages are leased and committed, and nothing is sent
sent            a message was handed over, and its outcome is not noted
routed          alerts are routed and their messages owed, COMMIT never comes
evaluate, dispatch   no crash: one ordinary run

It prints the instant when it gets there, and goes on when a line comes in. With WAKE in the
environment, evaluations wake dispatchers over the broker.
"""

import os
import sys

import django


def stop_here(*_args: object, **_kwargs: object) -> None:
    print(sys.argv[1], flush=True)  # noqa: T201
    sys.stdin.readline()


def stop_before(real):
    def stopping(*args):
        stop_here()
        return real(*args)

    return stopping


def stop_after(real):
    def stopping(*args):
        done = real(*args)
        stop_here()
        return done

    return stopping


class Breaching:
    """Every rule breaches."""

    def latest(self, query, window_s):
        from apps.monitoring.queries.series import Latest

        return [Latest({}, 0.95, None)]

    def info(self, metric):
        return None


def main(instant: str) -> None:
    django.setup()
    from django.db import connection

    from apps.alerts import evaluation, outbox, routing
    from apps.alerts.evaluation import engine
    from apps.alerts.routing import router
    from apps.alerts.services import dispatch

    if "WAKE" not in os.environ:
        outbox.kick = outbox.wake = lambda *args: None
    if instant == "before-commit":
        real = engine._schedule

        def schedule(*args):
            real(*args)
            stop_here()
            connection.ensure_connection()

        engine._schedule = schedule
    if instant == "routed":
        router.flush = stop_after(router.flush)
    if instant == "claimed":
        dispatch._send = stop_here
    if instant == "sent":
        dispatch.settle = stop_before(dispatch.settle)
    if instant in ("before-commit", "after-commit", "evaluate"):
        evaluation.evaluate_due(Breaching())
        if instant == "after-commit":
            stop_here()
        if instant == "evaluate":
            routing.route()
    else:
        routing.route()
        dispatch.dispatch("webhook")
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
