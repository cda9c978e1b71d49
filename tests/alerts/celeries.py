"""A real Celery worker or beat, forked; its words: a log, then those after `celery -A portal`.

Beat wakes only what belongs to alerts, each second; leases are short, so that whoever takes over
need not wait half a minute.
"""

import os
import sys
from pathlib import Path


def preload() -> None:
    """What each of them needs, for `tests.forking`."""
    import django_celery_beat.schedulers  # noqa: F401

    from portal.celery import app

    app.loader.import_default_modules()


def main() -> None:
    from apps.alerts import conf
    from portal.celery import app

    with Path(sys.argv[1]).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    conf.LEASE_S, conf.SEND_DEADLINE_S = 2, 1.5
    app.conf.beat_schedule = {
        name: {**entry, "schedule": 1.0}
        for name, entry in app.conf.beat_schedule.items()
        if entry["task"].startswith("apps.alerts.") and entry["options"]["queue"] == "high"
    }
    app.start(sys.argv[2:])
