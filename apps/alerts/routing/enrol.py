"""How a change of an alert gets into routing: a row in the transaction of the change itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from apps.alerts.models import Enrolment, Episode
from apps.alerts.outbox import wake_on_commit

ROUTE_TASK: Final = "apps.alerts.tasks.route_alerts"


def enrol(fired: Sequence[Episode], resolved: Sequence[Episode], at: datetime) -> None:
    """Have these episodes routed: those that fired or grew worse, and those that ended.

    Belongs in the transaction of that change; takes no lock, so that nobody who evaluates waits
    for routing. What becomes of an episode is decided from its state when it is routed; the order
    of two changes does not matter.
    """
    if fired or resolved:
        Enrolment.objects.bulk_create(
            [Enrolment(episode=one, at=at) for one in (*fired, *resolved)], batch_size=1000
        )
        wake_on_commit(ROUTE_TASK)
