"""How a person is reached."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from apps.alerts.evaluation.clock import db_now
from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Channel, ContactMethod
from apps.alerts.oncall.walltime import wall_of


def contacts(user: User, severity: str, at: datetime | None = None) -> list[Channel]:
    """The channels by which an alert of this severity reaches a person now, in their order.

    Quiet hours hold back everything but critical alerts.
    """
    return contacts_of([user], severity, at)[user.pk]


def contacts_of(
    users: Iterable[User], severity: str, at: datetime | None = None
) -> dict[int, list[Channel]]:
    """The same for several people, by their number; whose account is closed has no channel."""
    people = [user.pk for user in users if user.is_active]
    moment = at or db_now()
    found: dict[int, list[Channel]] = defaultdict(list)
    methods = ContactMethod.objects.filter(
        person__in=people, enabled=True, channel__enabled=True
    ).select_related("channel")
    for method in methods.order_by("person", "position", "pk"):
        if reaches(method, severity, moment):
            found[method.person_id].append(method.channel)
    return found


def reaches(method: ContactMethod, severity: str, at: datetime) -> bool:
    """Whether a method is used for this severity at this instant."""
    grade = Severity(severity)
    if RANK[grade] < RANK[Severity(method.min_severity)]:
        return False
    if grade == Severity.CRITICAL or method.quiet_from is None or method.quiet_until is None:
        return True
    clock = wall_of(at, ZoneInfo(method.zone)).time()
    return not _between(clock, method.quiet_from, method.quiet_until)


def _between(clock: time, start: time, until: time) -> bool:
    if start <= until:
        return start <= clock < until
    return clock >= start or clock < until
