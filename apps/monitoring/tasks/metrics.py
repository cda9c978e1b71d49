"""What metrics need now and then: their costs measured, the traces of their exemplars pinned."""

from celery import shared_task

from apps.monitoring.services import costs, exemplars


@shared_task(name="apps.monitoring.tasks.measure_costs", ignore_result=True)
def measure_costs() -> None:
    """Rows, bytes and series of every metric."""
    costs.measure()


@shared_task(name="apps.monitoring.tasks.pin_exemplars", ignore_result=True)
def pin_exemplars() -> None:
    """What the roller chose since the last run."""
    exemplars.pin_chosen()
