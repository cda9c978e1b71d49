"""Rules are judged when their figures are written, not only at their ticks.

Whoever commits telemetry hears the names of its metrics here, and a thread publishes them: at once,
then at most once a second for this process. It is a short cut and no more: with the broker away, or
a message lost, the rule's ordinary tick finds the same.
"""

import os
import threading
import time
from collections.abc import Collection
from typing import Final

import structlog

from apps.monitoring import recorder

log = structlog.get_logger(__name__)

WRITTEN_TASK: Final = "apps.alerts.tasks.evaluate_written"
_EVERY_S: Final = 1.0
_REST_S: Final = 5.0
_MOST_NAMES: Final = 2_000


class Waker:
    """Names heard and not yet told, and the thread that tells them. Never raises, never blocks."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As new: after a fork, locks and threads of the parent mean nothing."""
        self._changed = threading.Condition()
        self._names: set[str] = set()
        self._thread: threading.Thread | None = None

    def heard(self, names: Collection[str]) -> None:
        """Points of these metrics are committed."""
        with self._changed:
            if len(self._names) + len(names) > _MOST_NAMES:
                return
            self._names.update(names)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pharos-wake", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._names:
                    self._changed.wait()
                names, self._names = self._names, set()
            time.sleep(_EVERY_S if publish(names) else _REST_S)


def publish(names: Collection[str]) -> bool:
    """Have the rules of these metrics judged; False when the broker takes nothing."""
    from celery import current_app

    try:
        current_app.send_task(
            WRITTEN_TASK, kwargs={"metrics": sorted(names)}, queue="high", retry=False, expires=5
        )
    except Exception as error:  # noqa: BLE001 (any broker trouble; the tick is the safety net)
        recorder.count("pharos.rule.wakeups.failed")
        log.warning("rules_not_woken", error=type(error).__name__)
        return False
    return True


waker: Final = Waker()
os.register_at_fork(after_in_child=waker.forget)
