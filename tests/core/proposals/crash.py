"""A worker that stops dead where it is told: `python -m tests.core.proposals.crash INSTANT`.

INSTANT names a step of the closed loop; the process says it and waits for a line, or for its end.
With `random` it says every instant and waits for a line at none: it is killed wherever it is.
"""

import sys

import django

INSTANTS = (
    "claimed", "before-start", "started", "before-effect", "after-effect", "applied",
    "measuring", "before-verdict", "before-undo", "after-undo", "before-undone",
)  # fmt: skip


def stop_at(instant: str) -> None:
    if instant == sys.argv[1]:
        print(instant, flush=True)  # noqa: T201
        sys.stdin.readline()


def before(owner: object, name: str, instant: str) -> None:
    real = getattr(owner, name)

    def stopping(*args, **kwargs):
        stop_at(instant)
        return real(*args, **kwargs)

    setattr(owner, name, stopping)


def after(owner: object, name: str, instant: str) -> None:
    real = getattr(owner, name)

    def stopping(*args, **kwargs):
        found = real(*args, **kwargs)
        stop_at(instant)
        return found

    setattr(owner, name, stopping)


def on_step_b(name: str) -> None:
    """Stop around the effect of the second step: half of the change is done then."""
    from tests.core.proposals.kinds import CounterKind

    real = getattr(CounterKind, name)
    word = {"apply": "effect", "undo": "undo"}[name]

    def stopping(self, step):
        if step.name == "b":
            stop_at(f"before-{word}")
        real(self, step)
        if step.name == "b":
            stop_at(f"after-{word}")

    setattr(CounterKind, name, stopping)


def preload() -> None:
    """What every worker needs, for `tests.forking`."""
    from apps.core.proposals.execution import change, measure, run, start  # noqa: F401
    from tests.core.proposals.kinds import CounterKind  # noqa: F401


def main() -> None:
    django.setup()
    from apps.core.proposals.execution import change, measure, run, start
    from apps.core.proposals.execution.claims import Claim
    from tests.core.proposals.kinds import CounterKind

    if "fail" in sys.argv[2:]:
        CounterKind.failing = {"c"}
    before(run.start, "start", "claimed")
    before(start, "_begin", "before-start")
    before(run.change, "apply", "started")
    on_step_b("apply")
    on_step_b("undo")
    before(change, "_applied", "applied")
    before(run.measure, "look", "measuring")
    before(measure, "judge", "before-verdict")
    real = Claim.move

    def move(self, what, *args, **kwargs):
        if what.value == "undone":
            stop_at("before-undone")
        return real(self, what, *args, **kwargs)

    Claim.move = move
    print("ready", flush=True)  # noqa: T201
    for _ in range(400 if sys.argv[1] == "random" else 4):
        run.run_due()
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
