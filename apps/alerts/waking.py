"""Rules are judged when their figures are written, not only at their ticks.

Whoever commits telemetry hears the names of its metrics here, and a thread publishes those that a
hurried rule reads: at once, then at most four times a second for this process. A worker that is at
it already, or cannot have a rule yet, hears the names again itself. It is a short cut and no more:
with the broker away, or a message lost, the rule's ordinary tick finds the same.
"""

import os
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

import structlog

from apps.monitoring import recorder

log = structlog.get_logger(__name__)

WRITTEN_TASK: Final = "apps.alerts.tasks.evaluate_written"
_EVERY_S: Final = 0.25
_REST_S: Final = 5.0
_KNOWN_FOR_S: Final = 5.0
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
            names = _once(names)
            _rest(_EVERY_S if not names or publish(names) else _REST_S)


class _Hasty:
    """The metrics that rules judged early read, as known a few seconds ago."""

    def __init__(self) -> None:
        self._known: set[str] | None = None
        self._old_at = 0.0

    def among(self, names: set[str]) -> set[str]:
        """Those of `names`; all of them when that cannot be known. Never raises."""
        if time.monotonic() >= self._old_at:
            self._known = self._read()
            self._old_at = time.monotonic() + _KNOWN_FOR_S
        return names if self._known is None else names & self._known

    @staticmethod
    def _read() -> set[str] | None:
        from apps.alerts.evaluation.engine import hasty_metrics

        try:
            return hasty_metrics()
        except Exception as error:  # noqa: BLE001 (too many wake-ups harm less than none)
            log.warning("hasty_rules_not_known", error=type(error).__name__)
            return None


def _once(names: set[str]) -> set[str]:
    """As `hasty.among`, on a connection that is kept: a new one each time would cost far more."""
    from django.db import close_old_connections

    try:
        return hasty.among(names)
    finally:
        close_old_connections()


def _rest(seconds: float) -> None:
    time.sleep(seconds)


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


class Turns:
    """One judging of written figures at a time in this process, so that the ordinary ticks find
    threads; after one that took long, a rest of nearly that length."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._rest_until = 0.0

    def take(self, metrics: Collection[str], judge: Callable[[], Collection[str]]) -> bool:
        """Judge now, or hear the names again and be False. `judge` gives the names left over."""
        if time.monotonic() < self._rest_until or not self._busy.acquire(blocking=False):
            waker.heard(metrics)
            return False
        begun = time.monotonic()
        try:
            left = judge()
        finally:
            took_s = time.monotonic() - begun
            self._rest_until = begun + 2 * took_s - min(took_s, _EVERY_S)
            self._busy.release()
        if left:
            waker.heard(left)
        return True


hasty: Final = _Hasty()
waker: Final = Waker()
turns: Final = Turns()
os.register_at_fork(after_in_child=waker.forget)
