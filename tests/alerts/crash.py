"""A worker that stops dead at a chosen instant: `python -m tests.alerts.crash INSTANT`.

before-commit   a rule is evaluated, everything written, COMMIT never comes
after-commit    the same, and the process dies before anything is sent
claimed         messages are leased and committed, and nothing is sent
sent            a message was handed over, and its outcome is not noted
routed          alerts are routed and their messages owed, COMMIT never comes
step-uncommitted   a step of an escalation is taken, everything written, COMMIT never comes
escalate    steps are taken for ever, until the process is killed or a line comes in
storm       alerts are routed and messages sent, the same way; leases are short,
            and nobody waits before a second try
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

    def until(self, moment):
        pass

    def expect(self, rules):
        pass


def preload() -> None:
    """What every worker needs, for `tests.forking`."""
    from apps.alerts import evaluation, outbox, routing  # noqa: F401
    from apps.alerts.escalation import runner  # noqa: F401
    from apps.alerts.services import dispatch  # noqa: F401


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
    until_told(instant, runner.escalate_due)


def storm(instant: str) -> None:
    from apps.alerts import conf, routing
    from apps.alerts.services import dispatch, outbox

    conf.LEASE_S, conf.SEND_DEADLINE_S = 2, 1.5
    outbox.backoff_s = lambda attempt: 0.0

    def work() -> int:
        done = routing.route()
        return done.placed + done.flushed + dispatch.dispatch("webhook")

    until_told(instant, work)


def until_told(instant: str, work) -> None:
    """Work until a line comes in; a moment's rest where there was nothing to do."""
    print(instant, flush=True)  # noqa: T201
    idle = True
    while not select.select([sys.stdin], [], [], 0.01 if idle else 0)[0]:
        idle = not work()


def stop_at(instant: str) -> None:
    """Make the place of this instant stop."""
    from django.db import connection

    from apps.alerts.evaluation import batch
    from apps.alerts.routing import router
    from apps.alerts.services import dispatch

    if instant == "before-commit":
        real = batch._schedule

        def schedule(*args):
            real(*args)
            stop_here()
            connection.ensure_connection()

        batch._schedule = schedule
    if instant == "routed":
        router.flush = stop_after(router.flush)
    if instant == "claimed":
        dispatch.send_now = stop_here
    if instant == "sent":
        dispatch.settle = stop_before(dispatch.settle)


def main() -> None:
    instant = sys.argv[1]
    django.setup()
    from apps.alerts import evaluation, outbox, routing
    from apps.alerts.services import dispatch

    if "WAKE" not in os.environ:
        outbox.kick = outbox.wake = lambda *args: None
    stop_at(instant)
    if instant in ("step-uncommitted", "escalate"):
        escalate(instant)
    elif instant == "storm":
        storm(instant)
    elif instant in ("before-commit", "after-commit", "evaluate"):
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
    main()
