"""What beat and people wake. Every task may run any number of times at once."""

from typing import Any

from celery import shared_task

from apps.core.proposals.execution import run_due
from apps.core.proposals.services.waking import TASK


@shared_task(name=TASK, ignore_result=True)
def work_on_proposals() -> dict[str, Any]:
    """Work on every proposal that is due."""
    done = run_due()
    return {"handled": done.handled, "expired": done.expired, "allowed": done.allowed}
