"""Keeping minute and hour rollups current."""

from celery import shared_task

from apps.monitoring.store import rollups


@shared_task(name="apps.monitoring.tasks.roll_up", ignore_result=True)
def roll_up() -> None:
    """Fold what is dirty; what does not fit into this run is left to the next."""
    rollups.roll_up()
