"""Celery tasks of the kernel; each calls one verb."""

from celery import shared_task

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
