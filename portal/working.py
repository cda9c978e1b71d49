"""How a worker of Celery stands to the database."""

import os
from typing import Any

from celery import signals
from django.db import close_old_connections

# Celery would run Django's checks as it starts and drop what they say; they import every page.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def _tidy(sender: Any = None, **_: Any) -> None:
    # A task run in place stands inside somebody's transaction.
    if not sender.request.is_eager:
        close_old_connections()


def install() -> None:
    """Keep a thread's connection from task to task, as between requests: what is broken or old is
    closed. Celery's own way, a new one each, is off by `CELERY_DB_REUSE_MAX`."""
    for signal in (signals.task_prerun, signals.task_postrun):
        signal.connect(_tidy, weak=False, dispatch_uid="portal.working")
