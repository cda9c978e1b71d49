"""Collecting on the beat."""

import logging

from celery import shared_task
from django.db import InterfaceError, OperationalError

from apps.monitoring import collectors
from apps.monitoring.collectors import running
from apps.monitoring.recorder import suppressed

logger = logging.getLogger(__name__)


@shared_task(name="apps.monitoring.tasks.collect", ignore_result=True)
def collect() -> None:
    """Run the collectors that are due."""
    try:
        with suppressed():
            running.collect(collectors.configured)
    except (OperationalError, InterfaceError) as error:
        # Without a store there is nowhere to keep figures; the next tick tries again.
        logger.warning("Nothing was collected: the database does not answer (%s)", error)
