"""Waking who works on rows. The rows are what counts: a lost wake-up costs one poll, no message."""

import time
from collections.abc import Iterable
from typing import Final

import structlog
from django.db import transaction

from apps.alerts.hands import hands
from apps.monitoring import recorder

log = structlog.get_logger(__name__)

DISPATCH_TASK: Final = "apps.alerts.tasks.dispatch_notifications"
# After a failed publish the broker is left alone for this long: the poll sends meanwhile.
_REST_S: Final = 5.0
_rest_until = 0.0


def kick_on_commit(kinds: Iterable[str]) -> None:
    """Wake the dispatcher of each channel kind as soon as the rows are visible to it."""
    wanted = sorted(set(kinds))
    transaction.on_commit(lambda: kick(wanted), robust=True)


def wake_on_commit(task: str) -> None:
    """Start a task as soon as the rows are visible to it, or let beat do so."""
    transaction.on_commit(lambda: wake(task), robust=True)


def kick(kinds: Iterable[str]) -> None:
    """Start one dispatch task for each kind. Never raises: beat polls the outbox anyway."""
    for kind in kinds:
        wake(DISPATCH_TASK, {"kind": kind})


def wake(task: str, kwargs: dict[str, str] | None = None) -> None:
    """Have a task done: by this worker at once, else by whoever takes it from the broker."""
    from celery import current_app

    given = kwargs or {}
    if not hands.take((task, *given.values()), lambda: current_app.tasks[task].apply(kwargs=given)):
        _publish(task, given)


def _publish(task: str, kwargs: dict[str, str]) -> None:
    """Never raises: beat starts it anyway."""
    global _rest_until
    from celery import current_app

    if time.monotonic() < _rest_until:
        return
    try:
        current_app.send_task(task, kwargs=kwargs, queue="high", retry=False, expires=30)
    except Exception as error:  # noqa: BLE001 (any broker trouble; the poll is the safety net)
        _rest_until = time.monotonic() + _REST_S
        recorder.count("pharos.notification.wakeups.failed")
        log.warning("dispatcher_not_woken", error=type(error).__name__)
