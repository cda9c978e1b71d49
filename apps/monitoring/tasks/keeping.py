"""Moving days that are over on."""

from celery import shared_task

from apps.monitoring.services import keeping


@shared_task(name="apps.monitoring.tasks.keep", ignore_result=True)
def keep() -> None:
    """Thin, compress, archive and delete what is due; what does not fit is left to the next run."""
    keeping.keep()
