"""Counting regressions on the beat."""

from celery import shared_task
from django.utils import timezone

from apps.monitoring.services import regressions


@shared_task(name="apps.monitoring.tasks.watch_regressions", ignore_result=True)
def watch_regressions() -> None:
    """Compare the last hour with earlier."""
    regressions.watch(timezone.now())
