"""Waking the worker that takes steps. The rows are what counts: a lost wake-up costs one poll."""

import time
from typing import Final

import structlog
from django.db import transaction

from apps.monitoring import recorder

log = structlog.get_logger(__name__)
TASK: Final = "apps.alerts.tasks.escalate"
# After a failed publish the broker is left alone for this long: the poll goes on meanwhile.
_REST_S: Final = 5.0
_rest_until = 0.0


def kick_on_commit() -> None:
    """Look for due steps as soon as the rows are visible."""
    transaction.on_commit(kick, robust=True)


def kick() -> None:
    """Publish one task. Never raises: beat polls anyway."""
    global _rest_until
    from celery import current_app

    if time.monotonic() < _rest_until:
        return
    try:
        current_app.send_task(TASK, queue="high", retry=False, expires=30)
    except Exception as error:  # noqa: BLE001 (any broker trouble; the poll is the safety net)
        _rest_until = time.monotonic() + _REST_S
        recorder.count("pharos.escalation.wakeups.failed")
        log.warning("escalation_not_woken", error=type(error).__name__)
