"""Sending on by the minute."""

import logging

from celery import shared_task
from django.db import InterfaceError, OperationalError

from apps.monitoring.recorder import suppressed
from apps.monitoring.services import destinations

logger = logging.getLogger(__name__)


@shared_task(name="apps.monitoring.tasks.send_minutes", ignore_result=True)
def send_minutes() -> None:
    """Send finished minutes to the destinations that take differences only."""
    try:
        with suppressed():
            destinations.send_minutes()
    except (OperationalError, InterfaceError) as error:
        logger.warning("No minutes were sent: the database does not answer (%s)", error)
