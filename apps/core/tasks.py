"""Celery tasks of the kernel; each calls one verb and may run any number of times at once."""

from typing import Any

from celery import shared_task

from apps.core.proposals.execution import run_due
from apps.core.proposals.services.waking import TASK
from apps.core.services import audit


@shared_task(name="apps.core.tasks.prune_audit", ignore_result=True)
def prune_audit() -> int:
    """Let the audit trail end after its retention, a bounded piece at a time."""
    gone = 0
    for _ in range(20):
        piece = audit.prune()
        gone += piece
        if not piece:
            break
    return gone


@shared_task(name=TASK, ignore_result=True)
def work_on_proposals() -> dict[str, Any]:
    """Work on every proposal that is due."""
    done = run_due()
    return {"handled": done.handled, "expired": done.expired, "allowed": done.allowed}
