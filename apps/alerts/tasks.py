"""What beat and the outbox wake. Both tasks may run any number of times at once."""

from typing import Any

from celery import shared_task

from apps.alerts.delivery import NOTIFIERS
from apps.alerts.evaluation import evaluate_due
from apps.alerts.foreign import intake as foreign
from apps.alerts.incidents import statuspages
from apps.alerts.outbox import DISPATCH_TASK, kick
from apps.alerts.routing import route
from apps.alerts.routing.enrol import ROUTE_TASK
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.housekeeping import prune


@shared_task(name="apps.alerts.tasks.evaluate_rules", ignore_result=True)
def evaluate_rules() -> dict[str, Any]:
    """Judge every rule whose tick has come."""
    summary = evaluate_due()
    prune()
    return vars(summary)


@shared_task(name=ROUTE_TASK, ignore_result=True)
def route_alerts() -> dict[str, Any]:
    """Route what changed, and flush every group that is due."""
    return vars(route())


@shared_task(name=DISPATCH_TASK, ignore_result=True)
def dispatch_notifications(kind: str | None = None) -> int:
    """Send what is due of one channel kind. Without a kind: wake one task for each."""
    if kind is not None:
        return dispatch(kind)
    kick(NOTIFIERS)
    return 0


@shared_task(name="apps.alerts.tasks.end_foreign_alerts", ignore_result=True)
def end_foreign_alerts() -> int:
    """End what other systems have not told again in time."""
    ended = foreign.end_due()
    foreign.prune()
    return ended


@shared_task(name="apps.alerts.tasks.refresh_status_pages", ignore_result=True)
def refresh_status_pages() -> int:
    """Judge the components of every status page again."""
    return statuspages.refresh()
