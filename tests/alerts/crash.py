"""A worker that stops dead at a chosen instant: `python -m tests.alerts.crash INSTANT`.

before-commit   a rule is evaluated, everything written, COMMIT never comes
after-commit    the same, and the process dies before anything is sent
claimed         messages are leased and committed, and nothing is sent
sent            a message was handed over, and its outcome is not noted
evaluate, dispatch   no crash: one ordinary run

It prints the instant when it gets there and then waits to be killed.
"""

import sys
import time

import django


def stop_here(*_args: object, **_kwargs: object) -> None:
    print(sys.argv[1], flush=True)  # noqa: T201
    time.sleep(120)


class Breaching:
    """Every rule breaches."""

    def latest(self, query, window_s):
        from apps.monitoring.queries.series import Latest

        return [Latest({}, 0.95, None)]

    def info(self, metric):
        return None


def main(instant: str) -> None:
    django.setup()
    from apps.alerts import evaluation, outbox
    from apps.alerts.evaluation import engine
    from apps.alerts.services import dispatch

    outbox.kick = lambda kinds: None
    if instant == "before-commit":
        real = engine._schedule

        def schedule(*args):
            real(*args)
            stop_here()

        engine._schedule = schedule
    if instant == "claimed":
        dispatch._send = stop_here
    if instant == "sent":
        dispatch.settle = stop_here
    if instant in ("before-commit", "after-commit", "evaluate"):
        evaluation.evaluate_due(Breaching())
        if instant == "after-commit":
            stop_here()
    else:
        dispatch.dispatch("webhook")
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
