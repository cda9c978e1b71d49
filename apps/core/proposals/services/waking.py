"""Waking the worker. The rows are what counts: a lost wake-up costs one beat, no change."""

import time
from typing import Final

import structlog
from django.db import transaction

from apps.core import due
from apps.core.proposals.machine import OPEN, WORKED

log = structlog.get_logger(__name__)

TASK: Final = "apps.core.tasks.work_on_proposals"
# After a failed publish the broker is left alone for this long.
_REST_S: Final = 5.0
_rest_until = 0.0


def watch() -> None:
    """Have the worker woken while a proposal is open or under way."""
    from apps.core.proposals.models import Proposal

    due.watch(TASK, "default", lambda: [Proposal.objects.filter(state__in={*OPEN, *WORKED})])


def wake_on_commit() -> None:
    """Wake the worker as soon as the rows are visible to it."""
    transaction.on_commit(wake, robust=True)


def wake() -> None:
    """Publish one task. Never raises: beat comes round anyway."""
    global _rest_until
    from celery import current_app

    if time.monotonic() < _rest_until:
        return
    try:
        current_app.send_task(TASK, queue="default", retry=False, expires=10)
    except Exception as error:  # noqa: BLE001 (any broker trouble; beat is the safety net)
        _rest_until = time.monotonic() + _REST_S
        log.warning("proposals_not_woken", error=type(error).__name__)
