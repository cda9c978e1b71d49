"""A worker that stops dead at a chosen instant: `python -m tests.alerts.crash INSTANT`.

before-commit   a rule is evaluated, everything written, COMMIT never comes
after-commit    the same, and the process dies before anything is sent
claimed         messages are leased and committed, and nothing is sent
sent            a message was handed over, and its outcome is not noted
step-uncommitted   a step of an escalation is taken, everything written, COMMIT never comes
escalate    steps are taken for ever, until the process is killed or a line comes in
evaluate, dispatch   no crash: one ordinary run

It prints the instant when it gets there, and goes on when a line comes in. With WAKE in the
environment, evaluations wake dispatchers over the broker.
"""

import os
import select
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


class Breaching:
    """Every rule breaches."""

    def latest(self, query, window_s):
        from apps.monitoring.queries.series import Latest

        return [Latest({}, 0.95, None)]

    def info(self, metric):
        return None


def escalate(instant: str) -> None:
    from apps.alerts.escalation import runner

    if instant == "step-uncommitted":
        real = runner.take

        def take(*args):
            real(*args)
            stop_here()

        runner.take = take
        runner.escalate_due()
        return
    print(instant, flush=True)  # noqa: T201
    while not select.select([sys.stdin], [], [], 0)[0]:
        runner.escalate_due()


def main(instant: str) -> None:
    django.setup()
    from django.db import connection

    from apps.alerts import evaluation, outbox
    from apps.alerts.evaluation import engine
    from apps.alerts.services import dispatch

    if "WAKE" not in os.environ:
        outbox.kick = lambda kinds: None
    if instant == "before-commit":
        real = engine._schedule

        def schedule(*args):
            real(*args)
            stop_here()
            connection.ensure_connection()

        engine._schedule = schedule
    if instant == "claimed":
        dispatch._send = stop_here
    if instant == "sent":
        dispatch.settle = stop_before(dispatch.settle)
    if instant in ("step-uncommitted", "escalate"):
        escalate(instant)
    elif instant in ("before-commit", "after-commit", "evaluate"):
        evaluation.evaluate_due(Breaching())
        if instant == "after-commit":
            stop_here()
    else:
        dispatch.dispatch("webhook")
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
