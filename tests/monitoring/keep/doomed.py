"""A process that keeps until its next swap is done and not committed, then waits to be killed."""

import sys
import time
from datetime import datetime
from pathlib import Path

import django

django.setup()

from apps.monitoring.services import keeping  # noqa: E402 (needs the settings)
from apps.monitoring.store import swap  # noqa: E402

_replace = swap.replace


def _stop_inside(raw, parent, taken, then):
    def stop(swapped):
        then(swapped)
        Path(sys.argv[2]).touch()
        time.sleep(60)

    _replace(raw, parent, taken, stop)


swap.replace = _stop_inside
keeping.keep(datetime.fromisoformat(sys.argv[1]))
