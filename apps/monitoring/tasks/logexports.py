"""Exports of log lines."""

from celery import shared_task

from apps.monitoring.logexports import services, work


@shared_task(name=work.TASK, ignore_result=True)
def work_on_log_exports() -> None:
    """Make what is queued, or go on with what was left."""
    work.work()


@shared_task(name="apps.monitoring.tasks.expire_log_exports", ignore_result=True)
def expire_log_exports() -> None:
    """Delete the files of exports that are over."""
    services.expire()
