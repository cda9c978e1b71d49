"""Who is on call in every schedule at an instant, since when and until when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User

from apps.alerts.models import Schedule
from apps.alerts.oncall.duty import plans
from apps.alerts.oncall.intervals import Shift

_BACK: Final = timedelta(days=7)
_AHEAD: Final = timedelta(days=28)
_MOST: Final = 500


@dataclass(frozen=True)
class Duty:
    """One schedule at an instant. `since` and `until` are None beyond what was looked at."""

    schedule: Schedule
    person: User | None
    since: datetime | None
    until: datetime | None


def roster(at: datetime, schedules: Iterable[Schedule] | None = None) -> list[Duty]:
    """Every schedule, by name; a handful of statements however many there are."""
    rows = list(Schedule.objects.order_by("name")[:_MOST] if schedules is None else schedules)
    start, end = at - _BACK, at + _AHEAD
    found = {pk: plan.resolve(start, end) for pk, plan in plans(rows, start, end).items()}
    current = {pk: _turn(shifts, at) for pk, shifts in found.items()}
    people = people_of(turn for turn in current.values() if turn)
    duties = []
    for row in rows:
        turn = current[row.pk]
        if turn is None:
            ahead = [one.start for one in found[row.pk] if one.start > at]
            duties.append(Duty(row, None, None, min(ahead, default=None)))
            continue
        since = turn.start if turn.start > start else None
        until = turn.end if turn.end < end else None
        duties.append(Duty(row, people.get(turn.person), since, until))
    return duties


def people_of(shifts: Iterable[Shift]) -> dict[int, User]:
    """The open accounts among the people of these shifts, by number."""
    return User.objects.filter(is_active=True).in_bulk({one.person for one in shifts})


def _turn(shifts: list[Shift], at: datetime) -> Shift | None:
    """The stretch around an instant in which one person has the duty, by whatever source."""
    index = next((n for n, one in enumerate(shifts) if one.start <= at < one.end), None)
    if index is None:
        return None
    turn = shifts[index]
    for one in reversed(shifts[:index]):
        if one.person != turn.person or one.end != turn.start:
            break
        turn = replace(turn, start=one.start)
    for one in shifts[index + 1 :]:
        if one.person != turn.person or one.start != turn.end:
            break
        turn = replace(turn, end=one.end)
    return turn
