"""Rules are judged when their figures are written, not only at their ticks.

Whoever commits telemetry hears the names of its metrics here, and a thread publishes those that a
hurried rule reads: a few times at once, then at most four times a second for this process. A worker
keeps the names of rules it cannot have yet and tries again. It is a short cut and no more: with the
broker away, or a message lost, the rule's ordinary tick finds the same.
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
_AT_ONCE: Final = 4
_REST_S: Final = 5.0
_KNOWN_FOR_S: Final = 5.0
_MOST_NAMES: Final = 2_000
# A thread of the worker is lent for so long, then the names go through the queue once more.
_TURN_S: Final = 10.0

Left = tuple[Collection[str], float]


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
        # The moment up to which the allowance is spent: four at once, and four a second.
        spent_to = 0.0
        while True:
            with self._changed:
                while not self._names:
                    self._changed.wait()
                names, self._names = self._names, set()
            told = hasty.among(names)
            if told and not publish(told):
                _rest(_REST_S)
            if hasty.is_old and (late := _learnt(names) - told):
                publish(late)
            spent_to = max(spent_to, time.monotonic()) + _EVERY_S
            _rest(spent_to - _AT_ONCE * _EVERY_S - time.monotonic())


class _Hasty:
    """The metrics that rules judged early read, as known a few seconds ago."""

    def __init__(self) -> None:
        self._known: set[str] | None = set()
        self._old_at = 0.0

    @property
    def is_old(self) -> bool:
        """Whether it is time to `learn`."""
        return time.monotonic() >= self._old_at

    def among(self, names: set[str]) -> set[str]:
        """Those of `names`; all of them when that cannot be known."""
        return names if self._known is None else names & self._known

    def learn(self) -> None:
        """Ask which there are by now. Never raises."""
        from apps.alerts.evaluation.engine import hasty_metrics

        try:
            self._known = hasty_metrics()
        except Exception as error:  # noqa: BLE001 (too many wake-ups harm less than none)
            self._known = None
            log.warning("hasty_rules_not_known", error=type(error).__name__)
        self._old_at = time.monotonic() + _KNOWN_FOR_S


def _learnt(names: set[str]) -> set[str]:
    """Those of `names` that are in a hurry by what is known now. Its connection is kept: a new one
    each time would cost far more."""
    from django.db import close_old_connections

    try:
        hasty.learn()
        return hasty.among(names)
    finally:
        close_old_connections()


def _rest(seconds: float) -> None:
    time.sleep(max(0.0, seconds))


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
    threads; after one that took long, a rest of nearly that length.

    What comes meanwhile, and what is left over, is judged by the thread that is at it already.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._names: set[str] = set()
        self._busy = False

    def take(self, metrics: Collection[str], judge: Callable[[set[str]], Left]) -> bool:
        """Judge these now and until nothing is left over; False: whoever is at it judges them.

        `judge` gives the names left over, and after how many seconds they are worth another try.
        """
        with self._changed:
            self._names.update(metrics)
            self._changed.notify()
            if self._busy:
                return False
            self._busy = True
        give_up_at = time.monotonic() + _TURN_S
        try:
            while names := self._next():
                self._judge(names, judge)
                if time.monotonic() > give_up_at:
                    waker.heard(self._end())
                    return True
        except BaseException:
            self._end()
            raise
        return True

    def _next(self) -> set[str]:
        """What is to be judged; empty once this turn is over."""
        with self._changed:
            names, self._names = self._names, set()
            self._busy = bool(names)
            return names

    def _end(self) -> set[str]:
        with self._changed:
            names, self._names = self._names, set()
            self._busy = False
            return names

    def _judge(self, names: set[str], judge: Callable[[set[str]], Left]) -> None:
        begun = time.monotonic()
        left, again_s = judge(names)
        took_s = time.monotonic() - begun
        _rest(took_s - min(took_s, _EVERY_S))
        if left:
            with self._changed:
                # What was just written need not wait for what is tried again.
                if not self._names:
                    self._changed.wait(again_s)
                self._names.update(left)


hasty: Final = _Hasty()
waker: Final = Waker()
turns: Final = Turns()
os.register_at_fork(after_in_child=waker.forget)
