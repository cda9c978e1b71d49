"""Noting new versions."""

from celery import shared_task
from django.utils import timezone

from apps.monitoring.services import deployments


@shared_task(name="apps.monitoring.tasks.observe_deployments", ignore_result=True)
def observe_deployments() -> None:
    """Look for versions whose first telemetry has come."""
    deployments.observe(timezone.now())
