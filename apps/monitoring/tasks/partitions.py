"""Keeping partitions ahead of time and within their retention."""

from datetime import UTC, datetime

from celery import shared_task

from apps.monitoring import recorder
from apps.monitoring.store import partitions, retention


@shared_task(name="apps.monitoring.tasks.maintain_partitions", ignore_result=True)
def maintain_partitions() -> None:
    """Create what is due, drop what has expired, and tell how many are missing all the same."""
    try:
        retention.maintain()
    finally:
        lacking = sum(map(len, partitions.missing(datetime.now(UTC)).values()))
        recorder.gauge("pharos.partitions.missing", lacking, "{partition}")
