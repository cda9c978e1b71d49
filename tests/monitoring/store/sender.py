"""A process that sends batches until it is told to stop, retrying what was not acknowledged.

Prints "ready", then one acknowledged number a line. Numbers travel as log bodies.
"""

import sys
import time

import django

django.setup()

from apps.monitoring.intake.commit import StoreUnavailableError, committer  # noqa: E402
from apps.monitoring.store.rows import Batch, digest  # noqa: E402
from tests.monitoring.store import make  # noqa: E402


def main(name: str, rounds: int) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for i in range(rounds):
        batches = [
            Batch(
                logs=[make.log(f"{name}-{i}-{j}") for _ in range(3)], key=digest(name, i, j),
                spans=[make.span(f"{name}-{i}")],
            )
            for j in range(5)
        ]  # fmt: skip
        pending = dict(enumerate(batches))
        deadline = time.monotonic() + 60
        while pending and time.monotonic() < deadline:
            futures = {j: committer().submit(batch) for j, batch in pending.items()}
            for j, future in futures.items():
                try:
                    outcome = future.result(10)
                except StoreUnavailableError:
                    continue
                assert outcome.accepted == 4, outcome
                del pending[j]
                sys.stdout.write(f"{name}-{i}-{j}\n")
                sys.stdout.flush()
            if pending:
                time.sleep(0.05)
        assert not pending


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
