"""Beat's scheduler: the database's, asked seldom whether somebody changed it."""

import time
from typing import Final

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from portal.settings.schedule import RETIRED

# The stock one asks before each message; its own documents promise no more than this.
_ASKED_EVERY_S: Final = 5.0


class Clock(DatabaseScheduler):  # type: ignore[misc]
    """Entries from the code and from the admin; a change there counts within five seconds."""

    _asked_at = 0.0

    def setup_schedule(self) -> None:
        """Make the code's entries those of the database, without the ones that are no more."""
        PeriodicTask.objects.filter(name__in=RETIRED).delete()
        super().setup_schedule()

    def schedule_changed(self) -> bool:
        """Whether an entry was added, changed or removed since the last question."""
        now = time.monotonic()
        if now - self._asked_at < _ASKED_EVERY_S:
            return False
        self._asked_at = now
        return bool(super().schedule_changed())
