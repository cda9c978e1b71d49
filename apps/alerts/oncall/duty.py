"""Who is on call, from the rows: schedules as plans, their shifts, and who has the duty now."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from apps.alerts.models import Layer, Override, Schedule, Swap, SwapState, Unit
from apps.alerts.oncall.intervals import Shift
from apps.alerts.oncall.plan import OVERRIDE, Exchange, Plan
from apps.alerts.oncall.rotation import Rotation, Window, calendar_of

_INSTANT: Final = timedelta(microseconds=1)
# An interval with more exceptions than this is nobody's calendar.
_MOST: Final = 5000


def on_call(schedule: Schedule, at: datetime) -> list[User]:
    """Who has the duty at an instant: one person, or nobody (one whose account is closed)."""
    return on_call_of([schedule], at)[schedule.pk]


def on_call_of(schedules: Sequence[Schedule], at: datetime) -> dict[int, list[User]]:
    """The same for many schedules, by their number."""
    until = at + _INSTANT
    found = {
        number: [shift.person for shift in plan.resolve(at, until)]
        for number, plan in plans(schedules, at, until).items()
    }
    people = User.objects.filter(is_active=True).in_bulk(
        {pk for ids in found.values() for pk in ids}
    )
    return {number: [people[pk] for pk in ids if pk in people] for number, ids in found.items()}


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """The resolved line of a schedule over [start, end)."""
    return plans([schedule], start, end)[schedule.pk].resolve(start, end)


def plans(schedules: Sequence[Schedule], start: datetime, end: datetime) -> dict[int, Plan]:
    """The plan of each schedule, with the overrides and swaps that touch [start, end)."""
    ids = [schedule.pk for schedule in schedules]
    layers: dict[int, list[Rotation]] = defaultdict(list)
    zones = {schedule.pk: schedule.zone for schedule in schedules}
    for layer in Layer.objects.filter(schedule__in=ids).prefetch_related("places"):
        layers[layer.schedule_id].append(rotation_of(layer, zones[layer.schedule_id]))
    overrides: dict[int, list[Shift]] = defaultdict(list)
    touching = {"schedule__in": ids, "starts_at__lt": end, "ends_at__gt": start}
    for row in Override.objects.filter(**touching).order_by("pk")[:_MOST]:
        overrides[row.schedule_id].append(
            Shift(row.starts_at, row.ends_at, row.person_id, OVERRIDE)
        )
    swaps: dict[int, list[Exchange]] = defaultdict(list)
    accepted = Swap.objects.filter(**touching, state=SwapState.ACCEPTED)
    for swap in accepted.order_by("decided_at", "pk")[:_MOST]:
        if swap.taker_id is not None:
            swaps[swap.schedule_id].append(
                Exchange(swap.starts_at, swap.ends_at, swap.asker_id, swap.taker_id)
            )
    return {
        schedule.pk: Plan(
            tuple(layers[schedule.pk]), tuple(overrides[schedule.pk]), tuple(swaps[schedule.pk]),
            calendar_of(schedule.country),
        )
        for schedule in schedules
    }  # fmt: skip


def rotation_of(layer: Layer, zone: str, people: Iterable[int] | None = None) -> Rotation:
    """A layer as a value; `people` where its places are not stored yet."""
    if people is None:
        people = [place.person_id for place in layer.places.all()]
    days = {Unit.HOURS: 0, Unit.DAYS: layer.every, Unit.WEEKS: 7 * layer.every}[Unit(layer.unit)]
    hours = layer.every if layer.unit == Unit.HOURS else 0
    return Rotation(
        name=layer.name,
        priority=layer.priority,
        zone=ZoneInfo(layer.zone or zone),
        people=tuple(people),
        first=datetime.combine(layer.starts_on, layer.handoff),
        period=timedelta(days=days, hours=hours),
        ends_on=layer.ends_on,
        windows=tuple(Window.read(one) for one in layer.windows),
        on_holidays=layer.on_holidays,
    )
