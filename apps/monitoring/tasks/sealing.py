"""Building the late indexes."""

from celery import shared_task

from apps.monitoring.store import sealing


@shared_task(name="apps.monitoring.tasks.seal_partitions", ignore_result=True)
def seal_partitions() -> None:
    """Index what nobody writes to any more."""
    sealing.seal()
