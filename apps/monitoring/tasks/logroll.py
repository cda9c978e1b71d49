"""Counting log lines by the minute."""

from celery import shared_task

from apps.monitoring.store import logroll


@shared_task(name="apps.monitoring.tasks.roll_up_logs", ignore_result=True)
def roll_up_logs() -> None:
    """Count marked minutes; what does not fit into this run is left to the next."""
    logroll.roll_up()


@shared_task(name="apps.monitoring.tasks.prune_log_templates", ignore_result=True)
def prune_log_templates() -> None:
    """Forget templates of lines long gone."""
    logroll.prune()
