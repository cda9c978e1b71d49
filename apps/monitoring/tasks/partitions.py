"""Keeping partitions ahead of time and within their retention."""

from celery import shared_task

from apps.monitoring.store import retention


@shared_task(name="apps.monitoring.tasks.maintain_partitions", ignore_result=True)
def maintain_partitions() -> None:
    """Create what is due, drop what has expired."""
    retention.maintain()
